"""Recorded messages of real providers, and Codex's own: all are shown, and fit on the page.

Runs only where the collection of recordings stands beside the repository.
"""

from pathlib import Path

import orjson
import pytest

from converters.protocols import PROTOCOLS
from converters.rendering.readable import looks_readable, readable

SHARED = Path(__file__).parents[2].parent / "shared"
FOLDERS = sorted(path for name in PROTOCOLS for path in (SHARED / "corpus" / name).glob("*"))
ASKED = sorted(SHARED.glob("codex-0.169.0/*/*POST_v1_responses.json"))
OTHER = {"rig--mistral-response-identity-edge-blocking-unauthorized-carries-the-correlation-id.json"}
"""An error in the words of a web framework: mitmproxy's JSON view shows it better."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_recorded_message_is_shown(folder: Path) -> None:
    unseen, wide = [], []
    for path in folder.iterdir():
        if path.suffix not in (".json", ".sse") or path.name.endswith(".meta.json") or path.name in OTHER:
            continue
        shown = readable(path.read_bytes())
        if shown is None or not looks_readable(path.read_bytes()):
            unseen.append(path.name)
        wide += [path.name for line in (shown or "").split("\n") if len(line) > 100]
    assert (unseen, wide) == ([], [])


@pytest.mark.parametrize("path", ASKED, ids=lambda path: f"{path.parent.name}/{path.name[:2]}")
def test_every_request_of_codex_is_shown(path: Path) -> None:
    body = orjson.loads(path.read_bytes())["body"]
    assert (readable(orjson.dumps(body)) or "").startswith(f"request to {body['model']} · responses\n")
