"""Keys from the environment and from files."""

from pathlib import Path

import pytest

from addons.routing import api_keys


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("from-a-file\n")
    path.chmod(0o600)
    return path


def test_keys_are_in_the_order_of_their_variables() -> None:
    assert api_keys.read(["A", "B", "C"], {"C": "c", "A": "a"}) == ("a", "c")


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_variable_counts_as_not_set(value: str) -> None:
    assert api_keys.read(["A"], {"A": value}) == ()


def test_white_space_around_a_key_is_not_part_of_it() -> None:
    assert api_keys.read(["A"], {"A": " a\n"}) == ("a",)


def test_a_key_can_be_read_from_a_file(key_file: Path) -> None:
    assert api_keys.read(["A"], {"A_FILE": str(key_file)}) == ("from-a-file",)


def test_the_variable_itself_wins_over_the_file(key_file: Path) -> None:
    assert api_keys.read(["A"], {"A": "a", "A_FILE": str(key_file)}) == ("a",)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    with pytest.raises(api_keys.KeyProblem, match=r"A_FILE: .* is open to others; chmod 600 it"):
        api_keys.read(["A"], {"A_FILE": str(key_file)})


def test_a_missing_key_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(api_keys.KeyProblem, match=r"A_FILE: the file that it names cannot be read"):
        api_keys.read(["A"], {"A_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("pasted", ["sk-canary-1234", "~canary/key", "/nowhere/canary", "canary" * 1000])
def test_a_key_instead_of_a_file_name_is_not_repeated(pasted: str) -> None:
    with pytest.raises(api_keys.KeyProblem) as refused:
        api_keys.read(["A"], {"A_FILE": pasted})
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


@pytest.mark.parametrize("key", ["two words", "a\nb: c", "ключ", "a\x00b"])
def test_a_key_that_would_break_a_header_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(api_keys.KeyProblem) as refused:
        api_keys.read(["A"], {"A": key})
    assert key not in str(refused.value)


def test_a_missing_key_names_the_variables_and_for_whom() -> None:
    missing = api_keys.MissingKey({"deepseek": ("DEEPSEEK_API_KEY",), "zai": ("ZAI_API_KEY", "ZHIPU_API_KEY")})
    assert str(missing) == (
        "no API key: set DEEPSEEK_API_KEY (for deepseek) or ZAI_API_KEY or ZHIPU_API_KEY (for zai) where the proxy runs"
    )
