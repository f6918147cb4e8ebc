"""Cases of the exchanges in a saved file."""

import subprocess
import sys
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.io import FlowWriter

from addons.cases.case import Case
from tests.addons.example_cases import RESPONSE_CHUNKS, three_attempts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


def captured(tmp_path: Path, flows: list[http.HTTPFlow], *arguments: str) -> Case:
    """The only case that is written."""
    with (tmp_path / "flows.mitm").open("wb") as stream:
        writer = FlowWriter(stream)
        for flow in flows:
            writer.add(flow)
    command = [sys.executable, str(ROOT / "scripts" / "capture.py"), str(tmp_path / "flows.mitm"), *arguments]
    command += ["--pins", "A test.", "--into", str(tmp_path / "flows"), "--name", "chat/captured"]
    subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, timeout=60, check=True)
    return Case.load(tmp_path / "flows" / "chat" / "captured")


@pytest.mark.parametrize("first", ["attempts", "client"])
def test_of_several_attempts_the_one_becomes_the_case_that_the_client_read(tmp_path: Path, first: str) -> None:
    *attempts, client = three_attempts()
    made = captured(tmp_path, [*attempts, client] if first == "attempts" else [client, *attempts])
    assert (made.metadata.status, made.metadata.told.status, made.metadata.fault) == (200, 200, None)
    assert made.upstream_body == b"".join(RESPONSE_CHUNKS)
    assert made.differing(made.renewed()) == []


def test_an_attempt_that_is_chosen_becomes_the_case_that_it_alone_would_have_been(tmp_path: Path) -> None:
    made = captured(tmp_path, three_attempts(), '~meta "attempt: 2" & ~meta "side: upstream"')
    assert made.metadata.fault is not None and made.metadata.fault.kind == "cut"
    assert made.upstream_body == b"".join(RESPONSE_CHUNKS[:2])
    assert made.differing(made.renewed()) == []
