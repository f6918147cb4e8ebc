"""Writes README's tables anew from what they speak of; `--check` only says whether they are as they should be.

    python scripts/readme.py [--check]

A table stands between `<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from addons.routing import config
from addons.routing.provider import Provider

README = Path(__file__).parents[1] / "README.md"
_MODELS_SHOWN = 3


def providers() -> Iterator[str]:
    """The providers that need a key, with their variables and the first of their models."""
    yield "| provider | key in | protocol | models |"
    yield "| --- | --- | --- | --- |"
    for name, provider in config.load(None).providers.items():
        if provider.variables:
            keys = " or ".join(f"`{variable}`" for variable in provider.variables)
            yield f"| `{name}` | {keys} | {provider.protocol} | {_models(provider)} |"


def local() -> Iterator[str]:
    """Servers of one's own that need none."""
    yield "| server | is expected at |"
    yield "| --- | --- |"
    for name, provider in config.load(None).providers.items():
        if not provider.variables:
            yield f"| `{name}` | {provider.base_url} |"


def _models(provider: Provider) -> str:
    shown = ", ".join(f"`{model}`" for model in list(provider.models)[:_MODELS_SHOWN])
    more = len(provider.models) - _MODELS_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


TABLES: dict[str, Callable[[], Iterator[str]]] = {"providers": providers, "local servers": local}


def written(text: str) -> str:
    """README's text with its tables as they should be.

    Raises:
        ValueError: the place of a table is missing.
    """
    for name, table in TABLES.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        lines = "".join(f"{line}\n" for line in table())
        text, found = place.subn(lambda match, lines=lines: f"{match[1]}\n{lines}\n{match[2]}", text)
        if found != 1:
            raise ValueError(f"README.md needs one place for the table of {name}")
    return text


def main() -> None:
    text = README.read_text(encoding="utf-8")
    if (new := written(text)) == text:
        return
    if "--check" in sys.argv[1:]:
        sys.exit("README.md: its tables are not as they should be; scripts/update writes them")
    README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
