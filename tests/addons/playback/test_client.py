"""A recorded request, sent again to a live upstream."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mitmproxy import exceptions, options
from mitmproxy.addons.script import load_script
from mitmproxy.proxy.layers import http as internals
from mitmproxy.tools.dump import DumpMaster

from addons.cases.case import Case
from addons.playback.library import CaseLibrary, LibraryCase, fingerprint
from addons.playback.server import PlaybackServer
from converters import conversion
from tests.addons.example_cases import REFUSAL, RESPONSE_CHUNKS, case, request_fields
from tests.addons.proxy_under_test import SCRIPT

TIMEOUT_SECONDS = 10.0  # only a test that fails waits so long

THINKING = (
    b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"Hm."}}]}\n\n',
    *RESPONSE_CHUNKS[1:],
)


class Master:
    """A mitmdump with all our addons that listens nowhere; `answers` plays what the upstream says now."""

    def __init__(self, folder: Path, answers: Case, **options: object) -> None:
        self.folder, self.options = folder, options
        self.playback_server = PlaybackServer(
            CaseLibrary([LibraryCase("now", answers, fingerprint(conversion.load(answers.client_request)))])
        )

    async def start(self) -> None:
        await self.playback_server.start()
        routes = self.folder / "routes.toml"
        routes.write_text(
            '[[routes]]\nmodels = ["*"]\nproviders = ["acme"]\nmodel = "model-x"\n'
            f'[providers.acme]\nprotocol = "chat"\nbase_url = "{self.playback_server.base_url("now")}"\nauth = "none"\n'
        )
        self.master = DumpMaster(options.Options(), with_termlog=False, with_dumper=False)
        self.master.options.update(server=False, listen_host="127.0.0.1")
        script = load_script(str(SCRIPT))
        assert script is not None
        self.master.addons.add(*script.addons)  # type: ignore[no-untyped-call]
        self.master.options.update(routes=str(routes), **self.options)
        self.running = asyncio.create_task(self.master.run())
        await asyncio.sleep(0.1)

    async def stop(self) -> None:
        self.master.shutdown()  # type: ignore[no-untyped-call]
        await self.running
        self.playback_server.stop()


@pytest.fixture
async def started() -> AsyncIterator[list[Master]]:
    plain = internals.HttpStream
    masters: list[Master] = []
    yield masters
    for master in masters:
        await master.stop()
    internals.HttpStream = plain  # type: ignore[misc]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def sent(
    started: list[Master], folder: Path, log: pytest.LogCaptureFixture, *, now: Case, **options: object
) -> list[str]:
    """What is logged when a recorded greeting is sent again to an upstream that answers like `now`."""
    case().save(folder / "hello")
    master = Master(folder, now, **options)
    started.append(master)
    await master.start()
    master.master.commands.execute(f"replay.send {folder / 'hello'}")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not (
            logged := [record.getMessage() for record in log.records if record.getMessage().startswith("replay: ")]
        ):
            await asyncio.sleep(0.01)
    return logged[0].splitlines()


async def test_other_words_have_the_same_shape(
    started: list[Master], tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    other = (RESPONSE_CHUNKS[0].replace(b"Hel", b"Bon"), RESPONSE_CHUNKS[1].replace(b"lo", b"jour"), RESPONSE_CHUNKS[2])
    (line,) = await sent(started, tmp_path, log, now=case(pieces=other))
    assert ": m-1 -> acme model-x (chat)" in line
    assert line.endswith(": the same shape")


async def test_it_needs_no_client_token(
    started: list[Master], tmp_path: Path, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_TOKEN", "s3cret-token")
    (line,) = await sent(started, tmp_path, log, now=case(), client_token_env="CLIENT_TOKEN")
    assert line.endswith(": the same shape")


async def test_what_is_new_in_the_answer_is_told_for_both_sides(
    started: list[Master], tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    lines = await sent(started, tmp_path, log, now=case(pieces=THINKING))
    assert lines[0].endswith(": another shape")
    assert "+choices[].delta.reasoning_content: string" in lines
    assert "+response.reasoning_summary_text.delta" in lines


async def test_a_refusal_is_told_with_its_status(
    started: list[Master], tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    lines = await sent(started, tmp_path, log, now=case(pieces=(REFUSAL,), status=429), retry_wait=0)
    assert "status: 429, recorded 200" in lines


async def test_a_folder_that_is_no_case_is_told(started: list[Master], tmp_path: Path) -> None:
    master = Master(tmp_path, case())
    started.append(master)
    await master.start()
    with pytest.raises(exceptions.CommandError, match="is missing"):
        master.master.commands.execute(f"replay.send {tmp_path}")


async def test_a_question_that_nobody_serves_is_not_asked(started: list[Master], tmp_path: Path) -> None:
    case(request_fields(model="other")).save(tmp_path / "hello")
    master = Master(tmp_path, case())
    started.append(master)
    await master.start()
    routes = tmp_path / "routes.toml"
    routes.write_text(routes.read_text().replace('["*"]', '["m-*"]'))
    with pytest.raises(exceptions.CommandError, match="no provider serves other, the model of the case"):
        master.master.commands.execute(f"replay.send {tmp_path / 'hello'}")
