"""Keys from the environment and from files."""

from pathlib import Path

import pytest

from addons.routing import api_keys


def read(names: list[str], environ: dict[str, str]) -> tuple[str, ...]:
    return tuple(found.key for found in api_keys.find(names, environ))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("from-a-file\n")
    path.chmod(0o600)
    return path


def test_keys_are_in_the_order_of_their_variables() -> None:
    assert read(["A", "B", "C"], {"C": "c", "A": "a"}) == ("a", "c")


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_variable_counts_as_not_set(value: str) -> None:
    assert read(["A"], {"A": value}) == ()


def test_white_space_around_a_key_is_not_part_of_it() -> None:
    assert read(["A"], {"A": " a\n"}) == ("a",)


def test_a_key_can_be_read_from_a_file(key_file: Path) -> None:
    assert read(["A"], {"A_FILE": str(key_file)}) == ("from-a-file",)


def test_the_variable_itself_wins_over_the_file(key_file: Path) -> None:
    assert read(["A"], {"A": "a", "A_FILE": str(key_file)}) == ("a",)


@pytest.mark.parametrize("value", ["a,b,c", " a , b\n,c ", ",a,,b,c,", "a,b,a,c,b"])
def test_a_variable_may_hold_several_keys(value: str) -> None:
    assert read(["A"], {"A": value}) == ("a", "b", "c")


@pytest.mark.parametrize("value", [",", " , ,"])
def test_commas_alone_are_no_key(value: str) -> None:
    assert read(["A"], {"A": value}) == ()


def test_a_file_may_hold_a_key_on_each_line(key_file: Path) -> None:
    key_file.write_text("# of the team\n\nfirst-key\r\n  second-key  # until May\nwith#in,it\n#third-key\nfirst-key\n")
    assert read(["A"], {"A_FILE": str(key_file)}) == ("first-key", "second-key", "with#in,it")


def test_a_file_without_keys_counts_as_not_set(key_file: Path) -> None:
    key_file.write_text("\n# none yet\n")
    assert read(["A", "B"], {"A_FILE": str(key_file), "B": "b"}) == ("b",)


def test_each_key_is_used_once_and_known_by_where_it_came_from_first(key_file: Path) -> None:
    found = api_keys.find(["A", "B", "C"], {"A": "a,b", "B_FILE": str(key_file), "C": "from-a-file,b,c"})
    assert [(one.variable, one.key) for one in found] == [
        ("A", "a"),
        ("A", "b"),
        ("B_FILE", "from-a-file"),
        ("C", "c"),
    ]
    assert "from-a-file" not in repr(found)


def test_too_many_keys_are_an_error_that_repeats_none() -> None:
    keys = [f"canary-{number}" for number in range(101)]
    assert len(read(["A", "B"], {"A": ",".join(keys[:60]), "B": ",".join(keys[50:100])})) == 100
    with pytest.raises(api_keys.KeyProblem, match=r"^B: there are more than 100 keys$"):
        api_keys.find(["A", "B"], {"A": ",".join(keys[:60]), "B": ",".join(keys[50:])})


def test_a_file_that_is_too_large_is_not_read(key_file: Path) -> None:
    key_file.write_bytes(b"canary\n" * 200_000)
    with pytest.raises(api_keys.KeyProblem, match=r"^A_FILE: .* is too large") as refused:
        api_keys.find(["A"], {"A_FILE": str(key_file)})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(api_keys.KeyProblem, match=r"A_FILE: .* is open to others; chmod 600 it"):
        read(["A"], {"A_FILE": str(key_file)})


def test_a_missing_key_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(api_keys.KeyProblem, match=r"A_FILE: the file that it names cannot be read"):
        read(["A"], {"A_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("pasted", ["sk-canary-1234", "~canary/key", "/nowhere/canary", "canary" * 1000])
def test_a_key_instead_of_a_file_name_is_not_repeated(pasted: str) -> None:
    with pytest.raises(api_keys.KeyProblem) as refused:
        read(["A"], {"A_FILE": pasted})
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["K", "_", "ACME_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "KEY_2", "E2E_KEY", "A" * 24, "X_" * 32]
)
def test_a_variables_name_is_accepted(name: str) -> None:
    assert api_keys.variable(name) == name


@pytest.mark.parametrize(
    "pasted",
    [
        *("sk-ant-api03-" + "abcdef", "gsk_abc", "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709"),
        "AKIA" + "IOSFODNN7EXAMPLE",  # put together here, so that no scanner takes this file for a leak
        *("da39a3ee5e6b4b0d3255bfef95601890afd80709", "0123456789", "AIzaSyA-1234", "Bearer X", "acme_key", "Acme_Key"),
        *(
            "",
            " ",
            "A B",
            "A=B",
            "A\nB",
            "É",
            "$ACME_KEY",
            "X_" * 33,
            "KEY_" + "A1" * 8,
            "A" * 25,
            "MZXW6YTBOI2345ABCDEF",
        ),
    ],
)
def test_a_text_that_may_be_a_key_is_refused_and_not_repeated(pasted: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an environment variable") as refused:
        api_keys.variable(pasted)
    assert len(pasted) < 5 or pasted not in str(refused.value)


@pytest.mark.parametrize("key", ["two words", "a\nb: c", "ключ", "a\x00b", "good,two words"])
def test_a_key_that_would_break_a_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(api_keys.KeyProblem) as refused:
        read(["A"], {"A": key})
    assert key not in str(refused.value)


def test_a_missing_key_names_the_variables_and_for_whom() -> None:
    missing = api_keys.MissingKey({"deepseek": ("DEEPSEEK_API_KEY",), "zai": ("ZAI_API_KEY", "ZHIPU_API_KEY")})
    assert str(missing) == (
        "no API key: set DEEPSEEK_API_KEY (for deepseek) or ZAI_API_KEY or ZHIPU_API_KEY (for zai) where the proxy runs"
    )
