"""All our addons with mitmproxy's HTTP layer, without a network: what a client sends, providers get and a client reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.script import load_script
from mitmproxy.test import taddons

from tests.addons.layer_harness import LayerHarness, chunked_response, on_each

SCRIPT = Path(__file__).parents[2] / "addons" / "route.py"
ROUTES = """
[[routes]]
models = ["m-*"]
providers = ["acme"]

[[routes]]
models = ["own-*"]
providers = ["theirs"]

[providers.acme]
protocol = "chat"
base_url = "http://acme:1/v1"
key_env = ["ACME_KEY"]

[providers.theirs]
protocol = "responses"
base_url = "http://theirs:2"
auth = "client"
"""
ACME, THEIRS, TARGET = 1, 2, 80
"""Ports: of the two providers and of the reverse target."""

KEY = "acme-secret"
CODEX = {"originator": "codex_exec", "authorization": "Bearer own-secret", "chatgpt-account-id": "acc-7"}

HELLO = chunked_response(
    b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)
"""A provider's response in Chat Completions."""


class HttpMessage:
    """One HTTP/1 message, read from bytes; a body's chunks are left as they are."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        self.fields = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]
        self.headers = dict(self.fields)

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        return error


def request_body(model: Any = "m-1", **fields: Any) -> bytes:
    return json.dumps({"model": model, "input": "hi", "stream": True, **fields}).encode()


def raw_request(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    fields = {"host": "proxy", "content-length": str(len(body)), **(CODEX if headers is None else headers)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body


class ProxyUnderTest:
    """All our addons, loaded anew as mitmproxy loads them; a hook that is called here is called on each."""

    def __init__(self, context: taddons.context, routes: Path) -> None:
        self.context, self.path = context, routes
        script = load_script(str(SCRIPT))
        assert script is not None
        self.addons = list(script.addons)
        context.master.addons.add(Proxyserver(), *self.addons)
        self.set(retry_wait=0)  # no hook waits here, see `on_each`

    def __getattr__(self, hook: str) -> Any:
        return on_each(self.addons, hook)

    def routes(self, text: str = ROUTES) -> None:
        """Writes the routes file and sets the option."""
        self.path.write_text(text)
        self.set(routes=str(self.path))

    def set(self, **options: Any) -> None:
        """Raises OptionsError, as `--set` does."""
        self.context.options.update(**options)

    def get(self, path: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> LayerHarness:
        harness = LayerHarness(self)
        harness.client_sends(raw_request(method, path, headers=headers))
        return harness

    def post(
        self,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        path: str = "/v1/responses",
        refused: Iterable[int] = (),
    ) -> LayerHarness:
        """After a client has sent this request; at the ports in `refused` nobody listens."""
        harness = LayerHarness(self, refused=refused)
        harness.client_sends(raw_request("POST", path, body, headers))
        return harness

    def response_to(self, body: bytes, headers: dict[str, str] | None = None) -> HttpMessage:
        """The response that the client gets at once, without a request to any upstream."""
        harness = self.post(body, headers)
        assert harness.to_upstream == {}
        return HttpMessage(harness.to_client)

    def upstream_request(self, port: int, body: bytes, headers: dict[str, str] | None = None) -> HttpMessage:
        """The request that a provider gets for this one of the client."""
        return HttpMessage(self.post(body, headers).to_upstream[port])
