import json
from dataclasses import replace
from typing import Any

import pytest

from addons.cases.case import Case, Text
from addons.redaction.detectors import PrivateValues, Redactor
from addons.redaction.redact_case import DocumentRedactor, Unsafe, leaks, moved_chunks, redact
from converters import jsontext, seal
from tests.addons.example_cases import case, request_fields

KEY = "sk-" + "a1B2c3D4e5F6g7H8i9J0"
OTHER = "ghp_" + "a1B2c3D4e5F6g7H8i9J0"


def chunk(text: str) -> bytes:
    return b"data: " + jsontext.dumps({"id": "1", "choices": [{"index": 0, "delta": {"content": text}}]}) + b"\n\n"


LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def answering(*texts: str, question: Any = "hi", **fields: Any) -> Case:
    return case(request_fields(question, **fields), pieces=(*map(chunk, texts), LAST))


def redacted(original: Case, **private: tuple[str, ...]) -> Case:
    return redact(original, Redactor(PrivateValues(**private))).case


def body(text: str | bytes, **private: tuple[str, ...]) -> str:
    raw = text.encode() if isinstance(text, str) else text
    done, _ = DocumentRedactor(Redactor(PrivateValues(**private))).body(Text.of(raw), ())
    assert done is not None
    return done.data.decode()


def test_both_sides_hold_the_same_placeholder() -> None:
    result = redacted(answering("You said ", KEY, question=f"keep {KEY} and {OTHER}"))
    assert b'"keep <key-1> and <key-2>"' in result.client_request
    assert b"keep <key-1> and <key-2>" in result.upstream_request
    assert b'"content":"<key-1>"' in result.upstream_body
    assert b"You said <key-1>" in result.client_response.data


def test_goldens_fit_the_redacted_inputs() -> None:
    result = redacted(answering("a ", KEY))
    assert result.renewed() == result


def test_a_secret_that_is_split_over_deltas_is_found_and_stays_split() -> None:
    result = redacted(answering("my key is " + KEY[:10], KEY[10:15], KEY[15:] + ", keep it"))
    assert KEY[3:10] not in result.upstream_body.decode()
    assert b"my key is <key-1>, keep it" in result.client_response.data
    assert len(list(result.pieces())) == 4


def test_a_secret_of_the_environment_is_found_in_pieces_too() -> None:
    result = redacted(answering("it is hun", "ter", "2hunter2 here"), secrets=("hunter2hunter2",))
    assert b"it is <key-1> here" in result.client_response.data
    assert b"hunter" not in result.upstream_body and b'"ter"' not in result.upstream_body


def test_bytes_that_hold_nothing_private_are_the_same() -> None:
    raw = ': ping\r\n\r\nevent: x\r\ndata: {"a" : "\\u00fc\\/",  "b":1.0}\r\n\r\ndata: [DONE]\n\n'
    assert body(raw) == raw


def test_only_what_is_private_changes_in_a_line() -> None:
    assert body(f'data: {{"a" : "\\u00fc",  "k": "x {KEY}" }}\r\n\r\n') == (
        'data: {"a" : "\\u00fc",  "k": "x <key-1>" }\r\n\r\n'
    )


def test_a_secret_behind_odd_escapes_is_found() -> None:
    assert json.loads(body('data: {"a": "ann\\u0040corp.org \\/x"}\n\n')[6:]) == {"a": "user-1@example.com /x"}


def test_names_of_fields_are_redacted_too() -> None:
    assert json.loads(body(json.dumps({KEY: {"a": [KEY]}}))) == {"<key-1>": {"a": ["<key-1>"]}}


def test_text_that_is_no_json_is_redacted() -> None:
    assert body(f"upstream of {KEY} is gone") == "upstream of <key-1> is gone"
    assert body(f": {KEY}\n\ndata: not json {KEY}\n\n") == ": <key-1>\n\ndata: not json <key-1>\n\n"


def test_bytes_that_are_no_text_stay() -> None:
    raw = b"\xff\xfe " + KEY.encode()
    done, _ = DocumentRedactor(Redactor()).body(Text("txt", raw), ())
    assert done is not None and done.data == b"\xff\xfe <key-1>"


def test_arguments_that_are_json_within_json_stay_json() -> None:
    arguments = json.dumps({"cmd": f'echo "{KEY}"\ncat /home/ann/x'})
    done = json.loads(body(json.dumps({"arguments": arguments})))
    assert json.loads(done["arguments"]) == {"cmd": 'echo "<key-1>"\ncat /home/user-1/x'}


def test_our_own_seals_are_opened() -> None:
    sealed = seal.wrap("chat", {"text": f"I saw {KEY}", "n": 1})
    done = DocumentRedactor(Redactor()).value({"encrypted_content": sealed})
    assert seal.unwrap("chat", done["encrypted_content"]) == {"text": "I saw <key-1>", "n": 1}


def test_a_broken_seal_stays_as_it_is() -> None:
    assert DocumentRedactor(Redactor()).text("tcx1.chat.%%% tcx1.chat.e30x") == "tcx1.chat.%%% tcx1.chat.e30x"


def test_a_leak_in_a_seal_is_noticed() -> None:
    sealed = json.dumps({"a": seal.wrap("chat", KEY)}).encode()
    assert list(leaks("client_request.json", sealed, Redactor())) == ["client_request.json, in a seal: key"]


def test_a_leak_is_told_by_file_and_line_and_never_by_itself() -> None:
    found = list(leaks("client_request.json", f'{{\n  "a": "{KEY}"\n}}'.encode(), Redactor()))
    assert found == ["client_request.json:2: key"]
    assert list(leaks("a.sse", chunk("x ") + chunk(KEY[:9]) + chunk(KEY[9:]), Redactor())) == [
        "a.sse, event 2 to 3: key"
    ]


def test_headers_go_unless_they_are_allowed() -> None:
    original = case()
    headers = {
        *("Authorization", "cookie", "chatgpt-account-id", "x-api-key", "x-unknown", "host"),
    }
    given = dict.fromkeys(headers, "v") | {"User-Agent": "codex_exec/0.169.0 (Debian 12; my box)", "Thread-Id": "t"}
    metadata = original.metadata.model_copy(
        update={"client_headers": given, "upstream_headers": {"Set-Cookie": "v", "Retry-After": "9"}}
    )
    done = redacted(replace(original, metadata=metadata)).metadata
    assert done.client_headers == {"user-agent": "codex_exec/0.169.0", "thread-id": "t"}
    assert done.upstream_headers == {"retry-after": "9"}


def test_what_is_written_of_a_fault_is_redacted() -> None:
    original = case(pieces=(chunk("x"),), broken="cut")
    assert original.metadata.fault is not None
    fault = original.metadata.fault.model_copy(update={"message": "acme broke off: /home/ann"})
    done = redacted(replace(original, metadata=original.metadata.model_copy(update={"fault": fault})))
    assert b"acme broke off: /home/user-1" in done.client_response.data


def test_an_answer_that_other_code_made_is_remarked() -> None:
    original = answering("hello")
    other = Text("sse", original.client_response.data.replace(b"hello", b"hallo"))
    assert redact(original, Redactor()).remarks == []
    assert redact(replace(original, client_response=other), Redactor()).remarks == [
        "client_response differs from the recorded one"
    ]
    assert redact(replace(original, upstream_request=b'{"edited": true}\n'), Redactor()).remarks == [
        "upstream_request differs from the recorded one"
    ]


def test_redaction_is_no_difference() -> None:
    assert redact(answering("a ", KEY[:6], KEY[6:], question=KEY), Redactor()).remarks == []


def test_what_remains_is_refused_with_its_place() -> None:
    class Blind(Redactor):
        """Finds too late: stands for something private that a later stage makes."""

        ready = False

        def spans(self, text: str) -> list[Any]:
            return super().spans(text) if self.ready else []

    redactor = Blind()
    original = answering("ok", question=KEY)

    def see(*_: object, **__: object) -> Any:
        redactor.ready = True
        return Case.renewed(original)

    late = type("Late", (Case,), {"renewed": see})(**vars(original))
    with pytest.raises(Unsafe, match=r"client_request.json:\d+: key") as refused:
        redact(late, redactor)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("chunks", "sizes"),
    [
        ((10, 26), (10, 10)),  # the border is before what changed
        ((33, 3), (17, 3)),  # behind it
        ((20, 16), (10, 10)),  # within: beside it
        ((36,), (20,)),
        ((1, 1, 34), (1, 1, 18)),
        ((), ()),
    ],
)
def test_borders_of_chunks_move_with_the_text(chunks: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    old = b"0123456789" + KEY.encode() + b"abc"
    new = b"0123456789" + b"<key-1>" + b"abc"
    assert len(old) == 36
    assert tuple(moved_chunks(chunks, [(old, new)])) == sizes


def test_chunks_of_an_answer_are_as_long_as_the_answer_afterwards() -> None:
    result = redacted(answering("a", KEY, "b", KEY[:9], KEY[9:]))
    assert sum(result.metadata.chunks) == len(result.upstream_body)
    assert len(result.metadata.chunks) == 6
