"""A canary in every place where a secret can stand; all exchanges there are; no canary where somebody could find it."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.proxy.layers import http as internals

from addons.exchange.flow_metadata import SIDE
from tests.addons.live_proxy import TIMEOUT_SECONDS, EchoUpstream, LiveProxy, live_proxy
from tests.addons.proxy_under_test import CODEX, request_body

KEY, PASS = "canary-key-0123456789", "canary/pass+0123456789"
OURS = (KEY, PASS)
"""The proxy's: for the providers alone."""
THEIRS = tuple(f"canary-{owner}-0123456789" for owner in ("client", "account", "cookie", "query", "other"))
"""The client's own."""
CLIENT = {
    "originator": CODEX["originator"],
    "authorization": f"Bearer {THEIRS[0]}",
    "chatgpt-account-id": THEIRS[1],
    "cookie": f"session={THEIRS[2]}; theme=dark",
    "x-some-token": THEIRS[4],
}
ROUTES = """
[[routes]]
models = ["chat-*"]
providers = ["chat"]

[[routes]]
models = ["anthropic-*"]
providers = ["anthropic"]

[[routes]]
models = ["responses-*"]
providers = ["responses"]

[[routes]]
models = ["keyless-*"]
providers = ["keyless"]

[[routes]]
models = ["own-*"]
providers = ["own"]

[[routes]]
models = ["each-*"]
providers = ["own", "chat", "keyless", "anthropic"]
retry = { wait = 0 }
"""
PROVIDER = """
[providers.{name}]
protocol = "{protocol}"
base_url = "{address}/{name}/v1"
{pays}
"""
PAYS = f'key_env = ["CANARY_KEY"]\nheaders = {{ X-Gateway-Pass = "{PASS}", User-Agent = "acme/1" }}'
PROVIDERS = {
    "chat": ("chat", PAYS),
    "anthropic": ("anthropic", PAYS),
    "responses": ("responses", PAYS),
    "keyless": ("chat", ""),
    "own": ("chat", 'auth = "client"'),
}
ENDINGS = ("ok", "refused", "page", "cut", "failing", "split")


def routes(address: str) -> str:
    providers = [
        PROVIDER.format(name=name, protocol=protocol, pays=pays, address=address)
        for name, (protocol, pays) in PROVIDERS.items()
    ]
    return ROUTES + "".join(providers)


def found(text: object, canaries: tuple[str, ...] = (*OURS, *THEIRS)) -> list[str]:
    """The canaries in a text, or in whatever its text shows."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    shown = shown.replace("\\/", "/")
    return [f"{canary}: ...{shown[max(0, shown.find(canary) - 100) :][:200]}" for canary in canaries if canary in shown]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.LogCaptureFixture]:
    monkeypatch.setenv("CANARY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    plain = internals.HttpStream
    yield caplog
    internals.HttpStream = plain  # type: ignore[misc]


@pytest.mark.slow
async def test_nobody_finds_a_canary(tmp_path: Path, state: Path, log: pytest.LogCaptureFixture) -> None:
    echo, saved, all_of_them = EchoUpstream(), tmp_path / "saved.mitm", tmp_path / "all"
    (tmp_path / "routes.toml").write_text("")
    settings = {"save_stream_file": str(saved), "capture_all": str(all_of_them), "proxy_debug": True}
    settings["capture_dir"] = str(tmp_path / "cases")
    async with echo.serving() as port:
        (tmp_path / "routes.toml").write_text(routes(f"http://127.0.0.1:{port}"))
        async with live_proxy(f"http://127.0.0.1:{port}", tmp_path / "routes.toml", **settings) as proxy:
            responses = await exchanges(proxy)
            passed = await proxy.send("POST", f"/v1/files?api_key={THEIRS[3]}&x=1", b"", CLIENT)
            refused = await proxy.send("POST", "/v1/responses", b"no JSON", CLIENT)
            live = [str(flow.get_state()) + repr(flow) + flow.comment for flow in proxy.flows]
            requests = list(echo.heads)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while proxy.master.addons.get("capture")._archive_worker.outstanding:
                    await asyncio.sleep(0.05)
            proxy.master.options.update(capture_all="")
            for flow in [*proxy.flows, *(flow.copy() for flow in proxy.flows[::7])]:
                await proxy.replay(flow)
            again = [str(flow.get_state()) for flow in proxy.flows]
            pages = [await proxy.send("GET", path, b"", CLIENT) for path in ("/health", "/metrics")]
            commands = ("routes.show", "keys.show", "health.show", "lessons.show")
            shown = [line for command in commands for line in proxy.command(command)]
            proxy.command("capture.save", proxy.flows[:2], "chat/canary", "No canary is in it.")
            await asyncio.gather(*proxy.master.addons.get("capture").saving)

    assert [
        canary
        for name, answer in responses.items()
        if not name.startswith(("own-", "each-"))
        for canary in found(answer)
    ] == []
    assert [canary for answer in responses.values() for canary in found(answer, OURS)] == []
    assert set(found_in(passed)) >= set(THEIRS), "what passes through passes as it is"
    assert [canary for canary in found(refused)] == []
    for where in (
        *live,
        *again,
        saved.read_bytes(),
        *pages,
        shown,
        *texts(state),
        log.text,
        *texts(all_of_them),
        *texts(tmp_path / "cases"),
    ):
        assert found(where) == []
    assert texts(state) and "parked" in str(shown) and "next provider anthropic" in log.text
    check_wire(requests)
    check_wire(echo.heads)
    assert not any("withheld" in head for head in echo.heads)
    assert len(list(all_of_them.glob("*/*/case.toml"))) > len(ENDINGS)


async def exchanges(proxy: LiveProxy) -> dict[str, bytes]:
    """What a client reads, by the model's name: streamed and whole."""
    responses = {}
    for provider in (*PROVIDERS, "each"):
        for ending in ENDINGS:
            for stream in (True, False) if ending == "ok" else (True,):
                model = f"{provider}-{ending}"
                body = request_body(model, stream=stream)
                responses[f"{model}-{stream}"] = await proxy.send(
                    "POST", f"/v1/responses?key={THEIRS[3]}", body, CLIENT
                )
    return responses


def found_in(passed: bytes) -> list[str]:
    return [canary for canary in THEIRS if canary in passed.decode()]


def check_wire(heads: list[str]) -> None:
    """Who got what: providers their key, `own` and the reverse target the client's own."""
    for head in heads:
        name = re.search(r" /(\w+)/", head)
        provider = name[1] if name else ""
        pays = PROVIDERS.get(provider, ("", ""))[1]
        assert bool(found(head, OURS)) == (pays == PAYS), head
        assert bool(found(head, THEIRS)) == (provider in ("own", "v1")), head


def texts(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_a_name_that_somebody_chose_writes_no_line_of_its_own(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    echo = EchoUpstream()
    names = ["chat-\nINFO forged \x1b[31m\x9b0m\u202e", "other-\r\n\x1b]0;title\x07", "chat-" + "x" * 5000]
    tools: list[dict[str, Any]] = [{"type": "custom-\n\x1b[2J"}]
    log.set_level(logging.INFO)
    async with echo.serving() as port:
        (tmp_path / "routes.toml").write_text(routes(f"http://127.0.0.1:{port}"))
        async with live_proxy(f"http://127.0.0.1:{port}", tmp_path / "routes.toml") as proxy:
            for name in names:
                body = json.dumps({**json.loads(request_body(name)), "tools": tools}).encode()
                await proxy.send("POST", "/v1/responses", body, CLIENT)
            comments = [flow.comment for flow in proxy.flows]
    ours = [line.getMessage() for line in log.records if "script" in line.name or line.name.startswith("addons")]
    assert any("forged" in line for line in ours) and any("title" in line for line in ours)
    assert [line for line in (*ours, *comments) if not line.isprintable() or len(line) > 2500] == []
    assert [flow for flow in proxy.flows if isinstance(flow, http.HTTPFlow) and flow.metadata.get(SIDE)]
