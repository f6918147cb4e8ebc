"""What mitmproxy's client replay sends: either side of an exchange, with the credentials of now."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mitmproxy import http, io
from mitmproxy.proxy.layers import http as internals

from addons.exchange.flow_metadata import PROVIDER, SIDE, SPEC
from tests.addons.live_proxy import EchoUpstream, LiveProxy, live_proxy
from tests.addons.proxy_under_test import request_body

ROUTES = """
[[routes]]
models = ["acme-*"]
providers = ["acme"]

[[routes]]
models = ["own-*"]
providers = ["theirs"]

[providers.acme]
protocol = "chat"
base_url = "{address}/acme/v1"
key_env = ["ACME_KEY"]
headers = {{ X-Gateway-Pass = "gateway-secret-0123456789" }}

[providers.theirs]
protocol = "chat"
base_url = "{address}/theirs/v1"
auth = "client"
"""
CLIENT = {"authorization": "Bearer own-secret-0123456789", "chatgpt-account-id": "acc-7"}


class Scene:
    def __init__(self, echo: EchoUpstream, proxy: LiveProxy, routes: Path, saved: Path) -> None:
        self.echo, self.proxy, self.routes, self.saved = echo, proxy, routes, saved

    async def send(self, model: str, path: str = "/v1/responses") -> http.HTTPFlow:
        """The client's flow, or the attempt's."""
        await self.proxy.send("POST", path, request_body(model), CLIENT)
        return self.proxy.flows[-1]

    async def replay(self, flow: http.HTTPFlow) -> dict[str, str]:
        """The headers that an upstream gets when the flow is sent again; none if it gets nothing."""
        before = len(self.echo.requests)
        await self.proxy.replay(flow)
        return self.echo.requests[-1][0].headers if len(self.echo.requests) > before else {}

    def read(self) -> list[http.HTTPFlow]:
        """All flows as they were saved, both sides of each exchange."""
        with self.saved.open("rb") as file:
            return [flow for flow in io.FlowReader(file).stream() if isinstance(flow, http.HTTPFlow)]


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    echo, plain = EchoUpstream(), internals.HttpStream
    routes = folder / "routes.toml"
    async with echo.serving() as port:
        routes.write_text(ROUTES.format(address=f"http://127.0.0.1:{port}"))
        saved = folder / "saved.mitm"
        async with live_proxy(f"http://127.0.0.1:{port}", routes, save_stream_file=str(saved)) as proxy:
            yield Scene(echo, proxy, routes, saved)
    internals.HttpStream = plain  # type: ignore[misc]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ACME_KEY", "key-of-then-0123456789")
    return "key-of-then-0123456789"


async def test_an_attempt_is_sent_again_with_the_key_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path) as here:
        attempt = await here.send("acme-1")
        monkeypatch.setenv("ACME_KEY", "key-of-now-0123456789")
        for flow in (attempt, attempt.copy()):
            sent = await here.replay(flow)
            assert (sent["authorization"], sent["x-gateway-pass"]) == (
                "Bearer key-of-now-0123456789",
                "gateway-secret-0123456789",
            )
            assert sent["host"].startswith("127.0.0.1:")
            assert flow.request.headers["authorization"] == "Bearer <withheld>"
            assert flow.response and flow.response.status_code == 200
            assert "key-of" not in str(flow.get_state()) and "gateway-secret-0123456789" not in str(flow.get_state())
        assert here.echo.requests[0][1] == here.echo.requests[1][1] == here.echo.requests[2][1]
        assert attempt.comment.endswith("replayed: acme")


@pytest.mark.parametrize("side", ["client", "upstream"])
async def test_a_saved_flow_is_sent_again_with_the_key_of_now(
    tmp_path: Path, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path) as here:
        await here.send("acme-1")
    monkeypatch.setenv("ACME_KEY", "key-of-now-0123456789")
    (saved,) = [flow for flow in here.read() if flow.metadata[SIDE] == side]
    saved.request.port = 0  # of the former proxy's upstream; here it is another one
    async with scene(tmp_path) as now:
        saved.request.port = int(now.routes.read_text().partition("127.0.0.1:")[2].partition("/")[0])
        saved.request.headers["host"] = f"127.0.0.1:{saved.request.port}"
        sent = await now.replay(saved)
        assert sent["authorization"] == "Bearer key-of-now-0123456789"
        assert saved.response and saved.response.status_code == 200


async def test_a_question_is_sent_again_with_the_key_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path) as here:
        await here.send("acme-1")
        client = here.proxy.flows[0]
        monkeypatch.setenv("ACME_KEY", "key-of-now-0123456789")
        for flow in (client, client.copy()):
            sent = await here.replay(flow)
            assert sent["authorization"] == "Bearer key-of-now-0123456789"
            assert flow.response and b"response.completed" in (flow.response.content or b"")


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/other?api_key=query-secret-0123456789"])
async def test_the_clients_own_credentials_are_sent_again_as_they_were(tmp_path: Path, path: str) -> None:
    """Where the provider takes them, from either side; and where all passes through."""
    async with scene(tmp_path) as here:
        await here.send("own-1", path)
        for flow in [*here.proxy.flows, *(flow.copy() for flow in here.proxy.flows)]:
            sent = await here.replay(flow)
            assert (sent["authorization"], sent["chatgpt-account-id"]) == ("Bearer own-secret-0123456789", "acc-7")
            assert "own-secret-0123456789" not in str(flow.get_state()) and "query-secret-0123456789" not in str(
                flow.get_state()
            )
        assert ("query" in path) == ("api_key=query-secret-0123456789" in here.echo.requests[-1][0].first)


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/other?api_key=query-secret-0123456789&x=1"])
async def test_a_saved_flow_whose_credentials_nobody_knows_goes_without(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path) as here:
        await here.send("own-1", path)
        here.proxy.command("save.file", here.proxy.flows, str(tmp_path / "saved.mitm"))
        for flow in here.read():
            assert flow.request.headers["authorization"] == "Bearer <withheld>"
            flow.metadata = {name: value for name, value in flow.metadata.items() if name != "transcodex.withheld"}
            sent = await here.replay(flow)
            assert not {"authorization", "chatgpt-account-id"} & sent.keys()
            assert "withheld" not in here.echo.heads[-1]
        assert ("x=1" in path) == here.echo.requests[-1][0].first.endswith("/v1/other?x=1 HTTP/1.1")
    assert "sent without" in caplog.text


@pytest.mark.parametrize(
    ("part", "elsewhere"),
    [
        ("path", "/evil/v1/chat/completions"),
        ("path", "/acme/v1/../../evil"),
        ("host", "localhost"),
    ],
)
async def test_no_key_goes_where_the_provider_is_not(tmp_path: Path, part: str, elsewhere: str) -> None:
    async with scene(tmp_path) as here:
        attempt = await here.send("acme-1")
        setattr(attempt.request, part, elsewhere)
        sent = await here.replay(attempt)
        assert sent and not {"authorization", "x-gateway-pass"} & sent.keys()


async def test_a_flow_of_somebody_else_gets_no_key_for_its_own_address(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        attempt = (await here.send("own-1")).copy()
        attempt.metadata |= {PROVIDER: "acme", SPEC: json.dumps({"model": ["x"]})}
        attempt.request.headers["authorization"] = "Bearer <withheld>"
        attempt.request.headers["x-gateway-pass"] = "<withheld>"
        sent = await here.replay(attempt)
        assert sent and "key-of-then-0123456789" not in str(sent) and "gateway-secret-0123456789" not in str(sent)


@pytest.mark.parametrize("route", ["", "not JSON", "[]", '{"model": 7}'])
async def test_a_flow_that_says_nonsense_is_sent_all_the_same(tmp_path: Path, route: str) -> None:
    async with scene(tmp_path) as here:
        attempt = await here.send("acme-1")
        attempt.metadata[SPEC] = route
        assert (await here.replay(attempt))["authorization"] == "Bearer key-of-then-0123456789"


async def test_what_a_user_edited_is_sent_as_edited(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        attempt = await here.send("acme-1")
        attempt.request.headers["authorization"] = "Bearer my-other-key-0123456789"
        del attempt.request.headers["x-gateway-pass"]
        attempt.request.content = request_body("edited")
        sent = await here.replay(attempt)
        assert sent["authorization"] == "Bearer my-other-key-0123456789"
        assert "x-gateway-pass" not in sent
        assert here.echo.requests[-1][1] == request_body("edited")


async def test_a_key_that_is_no_more_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(tmp_path) as here:
        attempt = await here.send("acme-1")
        monkeypatch.delenv("ACME_KEY")
        sent = await here.replay(attempt)
        assert sent and "authorization" not in sent
        assert "127.0.0.1: sent without authorization: withheld" in caplog.text
        attempt.metadata[PROVIDER] = "gone\n\x1b[31m"
        assert "authorization" not in await here.replay(attempt)
        assert r"replay: no provider is called gone\n\x1b[31m here" in caplog.text
