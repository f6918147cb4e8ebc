"""A script that starts a program with the environment that it needs, as scripts/setup leaves it in .cache."""

import shlex
from pathlib import Path


def write(path: Path, program: Path, **environment: str | Path) -> Path:
    """A script, and no link: a program may look at the name that it is called by."""
    settings = "".join(f"export {name}={shlex.quote(str(value))}\n" for name, value in environment.items())
    path.write_text(f'#!/bin/sh\n{settings}exec {shlex.quote(str(program))} "$@"\n')
    path.chmod(0o755)
    return path
