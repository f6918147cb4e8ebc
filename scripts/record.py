"""Makes cases of what the end-to-end tests say through the proxy; `scripts/record.toml` is the list."""

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mitmproxy import exceptions, http, io

from addons import capture, recording
from addons.conversion import SIDE
from scripts.codex import KNOWN, ROOT, installed

PROTOCOLS = ("chat", "anthropic")


def flows_of(test: str, version: str, folder: Path) -> list[http.HTTPFlow]:
    """What went through the proxy while this test ran with this version of Codex."""
    saved = folder / "flows.mitm"
    command = [sys.executable, "-m", "pytest", "-q", f"tests/e2e/{test}"]
    environment = os.environ | {"E2E_FLOWS": str(saved), "CODEX_BIN": str(installed(version))}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with saved.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def record(name: str, row: dict[str, Any], protocol: str, flows: list[http.HTTPFlow]) -> Iterator[str]:
    asked = sorted(
        (flow for flow in flows if flow.metadata.get(SIDE) == "client"), key=lambda flow: flow.request.timestamp_start
    )
    number = row.get("exchange", 1)
    chosen = asked[number - 1 if number > 0 else number]
    found = list(recording.exchanges([chosen], flows))
    private = capture.private(also=[str(ROOT)])
    yield from capture.save(found, ROOT / "flows", f"{protocol}/{name}!", row["pins"], private)


def main() -> None:
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    wanted = sys.argv[1:] or list(rows)
    said: dict[tuple[str, str], list[http.HTTPFlow]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            for protocol in rows[name].get("protocols", PROTOCOLS):
                run = rows[name]["test"].format(p=protocol), rows[name].get("codex", KNOWN)
                if run not in said:
                    said[run] = flows_of(*run, Path(folder))
                try:
                    print(*record(name, rows[name], protocol, said[run]), sep="\n", flush=True)
                except (IndexError, exceptions.CommandError) as error:
                    sys.exit(f"{protocol}/{name}: {error}")


if __name__ == "__main__":
    main()
