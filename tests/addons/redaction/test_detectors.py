import json

import pytest

from addons.redaction.detectors import PrivateValues, Redactor, secrets_in_environment

# Put together here, so that no scanner takes this file for a leak.
SOME = "a1B2c3D4e5F6g7H8i9J0"
KEYS = [
    f"sk-{SOME}",
    f"sk-proj-{SOME}_{SOME}-x",
    f"sk-ant-api03-{SOME}",
    f"sk-or-v1-{SOME}",
    f"AIza{SOME}{SOME}",
    f"gsk_{SOME}",
    f"xai-{SOME}",
    f"ghp_{SOME}",
    f"github_pat_{SOME}",
    "AKIA" + "ABCDEFGH12345678",
    f"hf_{SOME}",
    f"xoxb-{SOME}",
    f"eyJ{SOME}.eyJ{SOME}.{SOME}",
    f"pypi-{SOME}{SOME}{SOME}",
    f"SG.{SOME}.{SOME}",
    f"sk_live_{SOME}",
    f"hooks.slack.com/services/T{SOME}/B{SOME}",
    f"AccountKey={SOME * 4}==",
    f"-----BEGIN RSA {'PRIVATE'} KEY-----\nMIIE\n-----END RSA {'PRIVATE'} KEY-----",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "key={} and", '"{}"', "ls\\n{}", "({})", "x:{},y"])
def test_keys_are_known_by_their_shape_wherever_they_stand(key: str, around: str) -> None:
    assert Redactor().text(around.format(key)) == around.format("<key-1>")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"Authorization: Bearer {SOME}", "Authorization: Bearer <key-1>"),
        (f"export ACME_TOKEN={SOME}", "export ACME_TOKEN=<key-1>"),
        (f'{{\\"api_key\\": \\"{SOME}\\"}}', '{\\"api_key\\": \\"<key-1>\\"}'),
        (f"https://ann:{SOME}@corp.org/x", "https://ann:<key-1>@corp.org/x"),
        ("mail ann.lee@corp.co.uk now", "mail user-1@example.com now"),
        ("to\\nann@corp.org", "to\\nuser-1@example.com"),
        ("cd /home/ann/x; ls /home/bob", "cd /home/user-1/x; ls /home/user-2"),
        ("in /Users/ann.", "in /home/user-1."),
        ("file:///home/ann", "file:///home/user-1"),
        ("a\\n/home/ann/b", "a\\n/home/user-1/b"),
        (r"C:\Users\ann\x", r"C:\Users\user-1\x"),
        (r"C:\\Users\\ann\\x", r"C:\\Users\\user-1\\x"),
        ("id 01a1fbbc-a1b0-7632-b9d2-c852b3579a36:0", "id 00000000-0000-7000-8000-000000000001:0"),
        ("msg_01a1fbbc-a1b0-7632-b9d2-c852b3579a36", "msg_00000000-0000-7000-8000-000000000001"),
        ("from 8.8.4.4.", "from 192.0.2.1."),
        ("from [2a00:1450:4001::8a]:443", "from [2001:db8::1]:443"),
    ],
)
def test_what_tells_of_a_person_is_replaced(text: str, redacted: str) -> None:
    assert Redactor().text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        *(
            "task-oriented-programming-is-fun",
            "a risk-averse-but-long-winded-person",
            "sk-learn",
            "disk-usage-of-all-homes",
        ),
        *("git@github.com:openai/codex", "someone@example.com", "npm i @openai/codex@0.169.0", "a @decorator.of.mine"),
        *("https://127.0.0.1:8080/@openai/codex", "ssh://git@github.com/x"),
        *("127.0.0.1:8080", "10.0.0.7", "192.168.1.1", "0.0.0.0", "version 1.2.3", "at 12:34:56", "std::vector"),
        *("prompt tokens: 12345", "token: none", "bearer of bad news", "GET /api/home/x", "/home", "/Users/Shared/x"),
        *("max_output_tokens=100000", "secret: see the manual of your provider", "\\users"),
        "data:image/png;base64,AKIA" + "ABCDEFGH12345678sk+" + SOME,
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_the_same_thing_has_the_same_placeholder_everywhere() -> None:
    redactor = Redactor()
    assert redactor.text(f"{KEYS[0]} {KEYS[1]} {KEYS[0]}") == "<key-1> <key-2> <key-1>"
    assert redactor.text(KEYS[1]) == "<key-2>"


def test_placeholders_are_left_as_they_are() -> None:
    redactor, again = Redactor(), Redactor(PrivateValues(names=("name",), homes=("/home/user",)))
    once = redactor.text(f"{KEYS[0]} ann@corp.org /home/ann 8.8.8.8 01a1fbbc-a1b0-7632-b9d2-c852b3579a36 Bearer {SOME}")
    assert again.text(once) == once


def test_secrets_of_the_environment_are_those_that_are_named_so() -> None:
    environ = {
        "ACME_API_KEY": "hunter2hunter2",
        "SHORT_TOKEN": "abc",
        "PATH": "/usr/bin:/bin",
        "db_password": " swordfish ",
    }
    assert list(secrets_in_environment(environ)) == ["hunter2hunter2", "swordfish"]


@pytest.mark.parametrize("written", [str, lambda v: json.dumps(v)[1:-1], lambda v: json.dumps(json.dumps(v))[1:-1]])
def test_a_known_secret_is_found_in_any_depth_of_json(written) -> None:  # type: ignore[no-untyped-def]
    secret = 'pä"ss\\word\n1'
    redactor = Redactor(PrivateValues(secrets=(secret,)))
    assert (
        redactor.text(f"before {written(secret)} after").replace('\\"', "").replace('"', "") == "before <key-1> after"
    )
    assert redactor.text(secret) == "<key-1>"


def test_of_two_secrets_the_longer_is_found_where_it_begins_with_the_other() -> None:
    assert (
        Redactor(PrivateValues(secrets=("hunter22", "hunter22-more"))).text("hunter22-more hunter22")
        == "<key-1> <key-2>"
    )


def test_what_the_user_lists_goes_first() -> None:
    private = PrivateValues(listed=("project-x", "/home/ann/secret"), secrets=("project-x-key",))
    assert Redactor(private).text("project-x in /home/ann/secret/a") == "<redacted-1> in <redacted-2>/a"


def test_names_of_machine_and_user_are_found_as_words() -> None:
    private = PrivateValues(names=("annlee", "bob", "root"), homes=("/srv/homes/annlee", "/root"))
    text = "annlee@box /srv/homes/annlee/x annleesa bob root /root/x drwx 2 annlee"
    assert Redactor(private).text(text) == "name-1@box /home/user-1/x annleesa bob root /root/x drwx 2 name-1"


def test_a_find_says_what_kind_of_thing_it_is() -> None:
    text = f"{KEYS[0]} of ann@corp.org"
    assert [span.kind for span in Redactor().spans(text)] == ["key", "e-mail address"]


def test_many_texts_are_looked_at_at_once() -> None:
    assert Redactor().affected(["a", "ann@corp.org", "b", "a"]) == {"ann@corp.org"}
    assert Redactor().affected(["a", "b"]) == set()
