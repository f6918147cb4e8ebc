"""API keys: read from the environment when they are needed, or from a file that only its owner can read; never kept.

For a variable `X_KEY` that is not set, `X_KEY_FILE` may name such a file (mode 0600), as secret stores lay them out.

What a user writes where a variable's name belongs may be the key itself, so it is checked before it is used, and what
is no name is never repeated. A name is in capitals, begins with a letter or `_`, has at most 64 characters, and no word
in it (between `_`) looks like a key: none is longer than 24 characters, or than 15 if it mixes letters and digits. So
`AKIA...`, 40 hexadecimal digits and `gsk_...` are none.
"""

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_LONGEST_WORD = 24
_LONGEST_MIXED_WORD = 15


class KeyProblem(ValueError):
    """A key cannot be had; the text says which variable, and never a key."""


class MissingKey(KeyProblem):
    """None of the providers that could answer has a key. `wanted` is provider -> its variables."""

    def __init__(self, wanted: Mapping[str, tuple[str, ...]]) -> None:
        choices = " or ".join(f"{' or '.join(names)} (for {provider})" for provider, names in wanted.items())
        super().__init__(f"no API key: set {choices} where the proxy runs")
        self.wanted = dict(wanted)


def variable(name: str) -> str:
    """The name of an environment variable, as it is.

    Raises:
        ValueError: it may be a key; the text does not repeat it.
    """
    if not _NAME.fullmatch(name) or any(map(_looks_like_a_key, name.split("_"))):
        raise ValueError(
            "is no name of an environment variable: capitals, digits and _, such as ACME_API_KEY; the key itself"
            " belongs into that variable"
        )
    return name


def _looks_like_a_key(word: str) -> bool:
    is_mixed = any(one.isdigit() for one in word) and any(one.isalpha() for one in word)
    return len(word) > (_LONGEST_MIXED_WORD if is_mixed else _LONGEST_WORD)


def read(names: Iterable[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that stand in these variables, in their order; empty ones count as not set.

    Raises:
        KeyProblem: a key file cannot be read, or others can read it too; or a key that no header can carry.
    """
    found = ((name, environ.get(name, "").strip() or _from_file(name, environ)) for name in names)
    return tuple(_fit_for_a_header(name, key) for name, key in found if key)


def _from_file(name: str, environ: Mapping[str, str]) -> str:
    variable = f"{name}_FILE"
    if not (named := environ.get(variable, "").strip()):
        return ""
    try:
        path = Path(named).expanduser()
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyProblem(f"{variable}: {path} is open to others; chmod 600 it")
        return path.read_text().strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        # What is no file may be the key itself.
        raise KeyProblem(f"{variable}: the file that it names cannot be read ({type(error).__name__})") from None


def _fit_for_a_header(name: str, key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyProblem(f"{name} holds a space or a character that no header can carry")
    return key
