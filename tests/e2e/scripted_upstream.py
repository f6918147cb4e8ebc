"""A provider that a test scripts: it sends scripted responses, refuses what the real one refuses, and records requests.

A refusal is a response of status 400 in the provider's own words; it stays in `refusals`, and the fixture that
lends the upstream to a test fails the test with it.
"""

import gzip
import itertools
import json
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import ClassVar, Literal

import brotli
import zstandard

from converters.protocols import PROTOCOLS
from tests.e2e import strict_anthropic, strict_chat, write_anthropic, write_chat, write_responses
from tests.e2e.scripted_response import (
    Call,
    Disconnect,
    ErrorResponse,
    Json,
    ModelResponse,
    Reasoning,
    ScriptedResponse,
)

type UpstreamKind = Literal["chat", "openai", "anthropic", "responses"]
"""`chat`: a strict host with thinking, as DeepSeek is. `openai`: OpenAI's own Chat Completions, without any extras."""

_KINDS: dict[UpstreamKind, tuple[str, ModuleType, str]] = {
    "chat": ("chat", write_chat, "call_"),
    "openai": ("chat", write_chat, "call_"),
    "anthropic": ("anthropic", write_anthropic, "toolu_"),
    "responses": ("responses", write_responses, "call_"),
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: Json


class ScriptedUpstream:
    """One provider on its own port of 127.0.0.1."""

    def __init__(self, kind: UpstreamKind, key: str) -> None:
        self.kind: UpstreamKind = kind
        self.key = key
        protocol, self.writer, self._id_prefix = _KINDS[kind]
        self.path = f"/v1{PROTOCOLS[protocol].path}"
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"upstream": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.reset()

    def reset(self) -> None:
        self.received: list[ReceivedRequest] = []
        self.refusals: list[str] = []
        self.thoughts: dict[str, str] = {}
        self.signatures: dict[str, str] = {}
        self.client_left = threading.Event()
        self.unused: list[ScriptedResponse | Callable[[ReceivedRequest], ScriptedResponse]] = []
        """Scripted responses that no request came for yet."""
        self._choose: Callable[[ReceivedRequest], ScriptedResponse] | None = None
        self._numbers = itertools.count(1)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @contextmanager
    def serving(self) -> Iterator["ScriptedUpstream"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def script(self, *responses: ScriptedResponse) -> None:
        """The responses to the next requests, in order."""
        self.unused += responses

    def script_next(self, choose: Callable[[ReceivedRequest], ScriptedResponse]) -> None:
        """The response to one more request, chosen by its content."""
        self.unused.append(choose)

    def script_by(self, choose: Callable[[ReceivedRequest], ScriptedResponse]) -> None:
        """The response to every request, chosen by its content: for tests with several clients at once."""
        self._choose = choose

    def respond(self, request: ReceivedRequest) -> ScriptedResponse:
        with self._lock:
            self.received.append(request)
            if error := self._refusal(request):
                self.refusals.append(error)
                return ErrorResponse(400, error)
            if self._choose:
                return self._choose(request)
            if not self.unused:
                self.refusals.append(f"request {len(self.received)} has no scripted response")
                return ErrorResponse(400, "this request was not expected by the test")
            response = self.unused.pop(0)
            return response(request) if callable(response) else response

    def _refusal(self, request: ReceivedRequest) -> str | None:
        if request.path != self.path:
            return f"404: no such path {request.path}"
        if not request.body.get("stream") and self.kind != "responses":
            return "the test's upstream expects a request for a stream"
        match self.kind:
            case "responses":
                return None
            case "anthropic":
                given = request.headers.get("x-api-key") or request.headers.get("authorization", "")
                wrong_key = None if self.key in given else "invalid x-api-key"
                return wrong_key or strict_anthropic.refusal(request.body, request.headers, self.signatures)
            case "chat" | "openai":
                if request.headers.get("authorization") != f"Bearer {self.key}":
                    return "Incorrect API key provided"
                vendor: strict_chat.Vendor = "deepseek" if self.kind == "chat" else "openai"
                return strict_chat.refusal(request.body, vendor, self.thoughts)

    def issue(self, response: ModelResponse) -> tuple[int, list[str]]:
        """The response's number and its calls' ids. Its reasoning is kept, to check it when a request sends it back."""
        with self._lock:
            number = next(self._numbers)
            ids = [f"{self._id_prefix}{number}_{n}" for n, p in enumerate(response.pieces) if isinstance(p, Call)]
            thinking = "".join(piece.text for piece in response.pieces if isinstance(piece, Reasoning))
            self.thoughts.update(dict.fromkeys(ids or [f"response_{number}"], thinking))
            for piece in response.pieces:
                if isinstance(piece, Reasoning):
                    self.signatures[write_anthropic.signature(piece.text)] = piece.text
            return number, ids


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that disconnects is expected; anything else is a defect in here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: ClassVar[ScriptedUpstream]

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the requests are in `received`."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ReceivedRequest(self.path.split("?")[0], headers, json.loads(raw))
        match self.upstream.respond(request):
            case Disconnect():
                self._disconnect()
            case ErrorResponse() as error:
                self._send_error(error)
            case ModelResponse() as response:
                self._respond(response, request.body)

    def do_GET(self) -> None:
        """For what passes through: a websocket is refused as Codex likes it, anything else is not here."""
        status = 426 if self.headers.get("upgrade", "").lower() == "websocket" else 404
        self._whole(status, {"content-type": "application/json"}, b"{}")

    def _send_error(self, error: ErrorResponse) -> None:
        body = error.body or self.upstream.writer.error_body(error.status, error.message, error.error)
        self._whole(error.status, {"content-type": "application/json", **error.headers}, body)

    def _respond(self, response: ModelResponse, body: Json) -> None:
        number, ids = self.upstream.issue(response)
        if response.whole:
            value = self.upstream.writer.whole(response, body, number, ids)
            self._whole(200, {"content-type": "application/json"}, json.dumps(value).encode())
            return
        data = b"".join(self.upstream.writer.stream(response, body, number, ids))
        headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        if response.encoding:
            data, headers["content-encoding"] = _ENCODERS[response.encoding](data), response.encoding
        self._head(200, headers)
        self._chunks(data)
        match response.ending:
            case "drop":
                self._disconnect()
            case "stall":
                self.connection.recv(1)
                self.upstream.client_left.set()
                self._disconnect()
            case _:
                self.wfile.write(b"0\r\n\r\n")

    def _chunks(self, data: bytes) -> None:
        """Cut where it hurts: in the middle of records, lines and characters."""
        for start in range(0, len(data), 61):
            piece = data[start : start + 61]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._head(status, {**headers, "content-length": str(len(body))})
        self.wfile.write(body)

    def _disconnect(self) -> None:
        """Break the connection off; what was written before still arrives."""
        self.close_connection = True
