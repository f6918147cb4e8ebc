"""Codex, pointed at the proxy by options alone: its configuration file stays as it is."""

import json
import os
import subprocess
from pathlib import Path

import tomlkit

ROOT = Path(__file__).parents[1]
BINARY = ROOT / ".cache" / "codex" / "node_modules" / ".bin" / "codex"
"""Where `scripts/setup codex` puts it."""

PROFILE = "transcodex"
"""The provider's name to Codex, and its profile's."""

KNOWN = "0.169.0"
"""The version that the tests were written against: the one that `scripts/setup codex` gets."""


def installed(version: str) -> Path:
    """That version's program, got once.

    Raises:
        SystemExit: there is no such version, or no npm; the reason has been printed.
    """
    if subprocess.run([ROOT / "scripts" / "setup", "codex", version], check=False).returncode:
        raise SystemExit(2)
    return BINARY if version == KNOWN else ROOT / ".cache" / f"codex-{version}" / "node_modules" / ".bin" / "codex"


def options(port: int, **settings: str | int) -> dict[str, str]:
    """What makes the proxy Codex's provider; `settings` are more of the provider's."""
    provider = {"name": "transcodex", "base_url": f"http://127.0.0.1:{port}/v1"} | settings
    table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in provider.items())
    return {
        "model_provider": '"transcodex"',
        "model_providers.transcodex": f"{{ {table} }}",
        # OpenAI runs this tool itself; offered to others it would be listed as lost with every question.
        "web_search": '"disabled"',
    }


def catalog(port: int, **credentials: str) -> dict[str, str]:
    """Where Codex reads the models' names and sizes. It does so only with some token to send."""
    address = f"http://127.0.0.1:{port}/v1/models"
    return {"model_catalog_url": address} | (credentials or {"experimental_bearer_token": "none"})


def profile(port: int, model: str, **credentials: str) -> str:
    """The same as a file of the user's own: `codex -p NAME` lays $CODEX_HOME/NAME.config.toml over the rest."""
    document = tomlkit.document()
    document |= {"model": model, "model_provider": PROFILE, "web_search": "disabled"}
    address = f"http://127.0.0.1:{port}/v1"
    document["model_providers"] = {PROFILE: {"name": PROFILE, "base_url": address} | catalog(port, **credentials)}
    return tomlkit.dumps(document)


def ask(port: int, model: str, question: str, home: Path) -> str:
    """What Codex printed, shown as it comes. It runs without retries, so that a failure shows at once."""
    settings = options(port, request_max_retries=0, stream_max_retries=0, **catalog(port))
    command = [str(BINARY), "exec", "-m", model, "--skip-git-repo-check", "--disable", "unbounded_connection_retries"]
    command += [
        "--dangerously-bypass-approvals-and-sandbox"
    ]  # it runs what scripts/demo_providers.py asks for: an echo
    command += [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    printed = []
    with subprocess.Popen(
        [*command, question],
        cwd=home,
        env=os.environ | {"CODEX_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            printed.append(line)
            print(f"    {line}", end="", flush=True)
    return "".join(printed) if process.returncode == 0 else ""
