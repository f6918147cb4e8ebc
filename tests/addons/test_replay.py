"""A client gets recorded responses, with no upstream at all."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.script import load_script
from mitmproxy.proxy.layers import http as internals
from mitmproxy.test import taddons

from tests.addons.example_cases import REFUSAL, case, request_fields
from tests.addons.layer_harness import LayerHarness, on_each
from tests.addons.proxy_under_test import CODEX, HttpMessage, raw_request, request_body

SCRIPT = Path(__file__).parents[2] / "addons" / "replay.py"


class Replaying:
    """All addons of the script, upon stages."""

    def __init__(self, context: taddons.context) -> None:
        self.context = context
        script = load_script(str(SCRIPT))
        assert script is not None
        self.addons = list(script.addons)
        (self.replay,) = [addon for addon in self.addons if type(addon).__name__ == "Replay"]
        context.master.addons.add(Proxyserver(), *self.addons)

    def __getattr__(self, hook: str) -> object:
        return on_each(self.addons, hook)

    def open(self, folder: Path) -> None:
        self.context.options.update(replay=str(folder))

    def post(self, body: bytes) -> LayerHarness:
        harness = LayerHarness(self)
        harness.client_sends(raw_request("POST", "/v1/responses", body, CODEX))
        return harness


@pytest.fixture
def plain() -> Iterator[None]:
    stream = internals.HttpStream
    yield
    internals.HttpStream = stream  # type: ignore[misc]


@pytest.fixture
async def replaying(plain: None, tmp_path: Path) -> AsyncIterator[Replaying]:
    case().save(tmp_path / "chat" / "hello")
    case(request_fields("slow?"), pieces=(REFUSAL,), status=429).save(tmp_path / "chat" / "refused")
    case(request_fields("there?"), pieces=(), status=None, broken="unreachable").save(tmp_path / "chat" / "unreachable")
    case(request_fields("well?"), pieces=(), status=None, broken="timeout").save(tmp_path / "chat" / "silent")
    with taddons.context() as context:
        replaying = Replaying(context)
        replaying.open(tmp_path)
        await replaying.replay.running()
        yield replaying
        replaying.replay.done()


async def test_a_known_request_is_served_by_its_case_converted_along_its_route(replaying: Replaying) -> None:
    attempt = replaying.post(request_body()).flow("upstream")
    assert (attempt.request.host, attempt.request.path) == ("127.0.0.1", "/chat%2Fhello/chat/completions")
    assert attempt.comment.endswith("acme model-x")
    assert attempt.metadata["transcodex.route"].count('"think_tags":false') == 1


async def test_a_request_that_nobody_recorded_is_reported_with_the_nearest(
    replaying: Replaying, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    harness = replaying.post(request_body(input="hi there"))
    response = HttpMessage(harness.to_client)
    assert (response.status, response.error["code"]) == (400, "invalid_prompt")
    assert "chat/hello" in response.error["message"]
    assert "+user: hi there" in response.error["message"]
    assert response.error["message"] in caplog.text


async def test_who_was_out_of_reach_is_so_again(replaying: Replaying) -> None:
    assert replaying.post(request_body(input="there?")).flow("upstream").request.port == 1


async def test_who_fell_silent_is_given_up_soon(replaying: Replaying) -> None:
    harness = replaying.post(request_body(input="well?"))
    assert max(command.delay for command in harness.wakeups) <= 1


async def test_the_recorded_models_are_offered(replaying: Replaying) -> None:
    harness = LayerHarness(replaying)
    harness.client_sends(raw_request("GET", "/v1/models"))
    assert [model["id"] for model in HttpMessage(harness.to_client).json["data"]] == ["m-1"]


async def test_a_folder_without_cases_is_an_options_error(replaying: Replaying, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(exceptions.OptionsError, match="holds no case"):
        replaying.open(tmp_path / "empty")
