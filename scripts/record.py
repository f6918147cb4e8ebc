"""Makes cases of what the end-to-end tests send through the proxy; `scripts/record.toml` is the list."""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from mitmproxy import http, io

from addons.cases.case import Case
from addons.exchange.flow_metadata import SIDE
from addons.recording import capture, recorder
from addons.redaction.detectors import Redactor
from addons.redaction.redact_case import redact
from converters.errors import RequestError
from converters.protocols import converted
from scripts.codex import KNOWN, ROOT, installed
from scripts.normalize_case import is_same, normalized
from scripts.share import share


def flows_of(test: str, version: str, folder: Path) -> list[http.HTTPFlow]:
    """What went through the proxy while this test ran with this version of Codex."""
    saved = folder / "flows.mitm"
    command = [sys.executable, "-m", "pytest", "-q", f"tests/e2e/{test}"]
    environment = os.environ | {"E2E_FLOWS": str(saved), "CODEX_BIN": str(installed(version))}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with saved.open("rb") as file:
        return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


def record(name: str, row: dict[str, Any], protocol: str, flows: list[http.HTTPFlow]) -> str:
    """What became of the case.

    Raises:
        IndexError: the test had no such exchange.
        ValueError: it can be no case, or holds what cannot be made safe.
    """
    client_flows = sorted(
        (flow for flow in flows if flow.metadata.get(SIDE) == "client"), key=lambda flow: flow.request.timestamp_start
    )
    number = row.get("exchange", 1)
    (found,) = recorder.exchanges([client_flows[number - 1 if number > 0 else number]], flows)
    if isinstance(found, recorder.NoCase):
        raise found
    folder = ROOT / "flows" / protocol / name
    earlier = Case.load(folder) if folder.exists() else None
    recorded = normalized(recorder.case_of(found, row["pins"]), earlier)
    made = redact(recorded, Redactor(capture.private_values(also=[str(ROOT)]))).case
    if earlier is not None and is_same(made, earlier):
        return f"{protocol}/{name}: as it was"
    made.save(folder, replacing=True)
    return f"{protocol}/{name}: written"


def main() -> None:
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    wanted = sys.argv[1:] or list(rows)
    if unknown := [name for name in wanted if name not in rows]:
        print(f"{', '.join(unknown)}: not in scripts/record.toml, which has {', '.join(rows)}", file=sys.stderr)
        sys.exit(2)
    recorded: dict[tuple[str, str], list[http.HTTPFlow]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            for protocol in rows[name].get("protocols", converted()):
                run = rows[name]["test"].format(p=protocol), rows[name].get("codex", KNOWN)
                try:
                    if run not in recorded:
                        recorded[run] = flows_of(*run, Path(folder))
                    print(record(name, rows[name], protocol, recorded[run]), flush=True)
                except (IndexError, ValueError, RequestError, subprocess.CalledProcessError) as error:
                    sys.exit(f"{protocol}/{name}: {error}")
    print("\n".join(share(ROOT / "flows")))


if __name__ == "__main__":
    main()
