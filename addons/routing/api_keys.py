"""Reads API keys from the environment, or from files that only their owner can read, whenever they are needed.

A variable holds one key, or several with commas between them. Where `X_KEY` is not set, `X_KEY_FILE` may name such a
file (mode 0600), as secret stores provide them, with a key on each line; empty lines and `# comments` are left out.

A user may paste the key itself where the variable's name belongs. So names are checked, and a text that is not a name
is never repeated in an error. A name is in capitals, begins with a letter or `_`, has at most 64 characters, and no
word in it (between `_`) looks like a key: none is longer than 24 characters, or 15 if it mixes letters and digits. This
excludes `AKIA...`, 40 hexadecimal digits and `gsk_...`.
"""

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_LONGEST_WORD = 24  # characters
_LONGEST_MIXED_WORD = 15  # of letters and digits

_MOST_KEYS = 100  # of one provider
_LARGEST_FILE = 1 << 20  # bytes
_COMMENT = re.compile(r"(^|\s)#.*")


class KeyProblem(ValueError):
    """A key is missing or cannot be used. The text names the variable, and never contains a key."""


class MissingKey(KeyProblem):
    """None of the providers that could serve the request has a key. `variables` is provider -> its variables."""

    def __init__(self, variables: Mapping[str, tuple[str, ...]]) -> None:
        choices = " or ".join(f"{' or '.join(names)} (for {provider})" for provider, names in variables.items())
        super().__init__(f"no API key: set {choices} where the proxy runs")


def variable(name: str) -> str:
    """Returns the name of an environment variable unchanged.

    Raises:
        ValueError: it is no such name and may be a key; the error does not repeat it.
    """
    if not _VARIABLE_NAME.fullmatch(name) or any(map(_looks_like_a_key, name.split("_"))):
        raise ValueError(
            "is not the name of an environment variable: capitals, digits and _, such as ACME_API_KEY; the key itself"
            " belongs in that variable"
        )
    return name


def _looks_like_a_key(word: str) -> bool:
    is_mixed = any(char.isdigit() for char in word) and any(char.isalpha() for char in word)
    return len(word) > (_LONGEST_MIXED_WORD if is_mixed else _LONGEST_WORD)


@dataclass(frozen=True, slots=True)
class FoundKey:
    variable: str
    """Which holds it, or names its file."""

    key: str = field(repr=False)


def find(names: Iterable[str], environ: Mapping[str, str]) -> list[FoundKey]:
    """The keys in these variables, in order, each one once. A variable without any counts as not set.

    Raises:
        KeyProblem: a key file cannot be read, or others can read it too; a key is not valid in a header; there are too
            many.
    """
    found: dict[str, FoundKey] = {}
    for name in names:
        for variable, key in _keys_of(name, environ):
            found.setdefault(key, FoundKey(variable, key))
            if len(found) > _MOST_KEYS:
                raise KeyProblem(f"{variable}: there are more than {_MOST_KEYS} keys")
    return list(found.values())


def _keys_of(name: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each with the variable that it came from."""
    variable, values = name, environ.get(name, "").split(",")
    if not any(value.strip() for value in values):
        variable = f"{name}_FILE"
        values = [_COMMENT.sub("", line) for line in _lines_of_file(variable, environ)]
    for value in values:
        if key := value.strip():
            yield variable, _valid_in_header(variable, key)


def _lines_of_file(variable: str, environ: Mapping[str, str]) -> list[str]:
    if not (file_name := environ.get(variable, "").strip()):
        return []
    try:
        path = Path(file_name).expanduser()
        status = path.stat()
        if stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyProblem(f"{variable}: {path} is open to others; chmod 600 it")
        if status.st_size > _LARGEST_FILE:
            raise KeyProblem(f"{variable}: {path} is too large for a file of keys")
        return path.read_text().split("\n")
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        # The value is not repeated: it may be the key itself.
        raise KeyProblem(f"{variable}: the file that it names cannot be read ({type(error).__name__})") from None


def _valid_in_header(variable: str, key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyProblem(f"{variable} holds a space or a character that no header can carry")
    return key
