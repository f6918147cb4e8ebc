"""API keys: read from the environment when they are needed, or from a file that only its owner can read; never kept.

For a variable `X_KEY` that is not set, `X_KEY_FILE` may name such a file (mode 0600), as secret stores lay them out.
"""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path


class KeyProblem(ValueError):
    """A key cannot be had; the text says which variable, and never a key."""


class MissingKey(KeyProblem):
    """None of the providers that could answer has a key. `wanted` is provider -> its variables."""

    def __init__(self, wanted: Mapping[str, tuple[str, ...]]) -> None:
        choices = " or ".join(f"{' or '.join(names)} (for {provider})" for provider, names in wanted.items())
        super().__init__(f"no API key: set {choices} where the proxy runs")
        self.wanted = dict(wanted)


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
    path = Path(named).expanduser()
    try:
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            raise KeyProblem(f"{variable}: {path} is open to others; chmod 600 it")
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeyProblem(f"{variable}: {path} cannot be read ({type(error).__name__})") from error


def _fit_for_a_header(name: str, key: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise KeyProblem(f"{name} holds a space or a character that no header can carry")
    return key
