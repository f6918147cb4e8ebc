"""A provider that a test scripts: it answers what it was told to, refuses what the real one refuses, and records all.

A refusal is an answer of status 400 in the provider's own words; it stays in `refusals`, and the fixture that
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
from tests.e2e import speak_anthropic, speak_chat, speak_responses, strict_anthropic, strict_chat
from tests.e2e.answers import Answer, Call, HangUp, Json, Refuse, Say, Think

type Speech = Literal["chat", "openai", "anthropic", "responses"]
"""`chat`: a strict host with thinking, as DeepSeek is. `openai`: OpenAI's own Chat Completions, without any extras."""

_SPEAKERS: dict[Speech, tuple[str, ModuleType, str]] = {
    "chat": ("chat", speak_chat, "call_"),
    "openai": ("chat", speak_chat, "call_"),
    "anthropic": ("anthropic", speak_anthropic, "toolu_"),
    "responses": ("responses", speak_responses, "call_"),
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@dataclass(frozen=True)
class Received:
    """One request as it came; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: Json


class Upstream:
    """One provider on its own port of 127.0.0.1."""

    def __init__(self, speech: Speech, key: str) -> None:
        self.speech: Speech = speech
        self.key = key
        protocol, self.speaker, self._id_prefix = _SPEAKERS[speech]
        self.path = f"/v1{PROTOCOLS[protocol].path}"
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"upstream": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.reset()

    def reset(self) -> None:
        self.received: list[Received] = []
        self.refusals: list[str] = []
        self.thoughts: dict[str, str] = {}
        self.signatures: dict[str, str] = {}
        self.client_left = threading.Event()
        self._answers: list[Answer | Callable[[Received], Answer]] = []
        self._choose: Callable[[Received], Answer] | None = None
        self._numbers = itertools.count(1)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def left(self) -> list[Answer | Callable[[Received], Answer]]:
        """Scripted answers that nobody asked for yet."""
        return self._answers

    @contextmanager
    def serving(self) -> Iterator["Upstream"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def script(self, *answers: Answer) -> None:
        """What to answer to the next requests, in order."""
        self._answers += answers

    def script_next(self, choose: Callable[[Received], Answer]) -> None:
        """What to answer to one more request, by what it says."""
        self._answers.append(choose)

    def script_by(self, choose: Callable[[Received], Answer]) -> None:
        """What to answer to every request, by what it says: for tests in which several clients ask at once."""
        self._choose = choose

    def answer(self, request: Received) -> Answer:
        with self._lock:
            self.received.append(request)
            if said := self._complaint(request):
                self.refusals.append(said)
                return Refuse(400, said)
            if self._choose:
                return self._choose(request)
            if not self._answers:
                self.refusals.append(f"request {len(self.received)} has no scripted answer")
                return Refuse(400, "this request was not expected by the test")
            following = self._answers.pop(0)
            return following(request) if callable(following) else following

    def _complaint(self, request: Received) -> str | None:
        if request.path != self.path:
            return f"404: no such path {request.path}"
        if not request.body.get("stream") and self.speech != "responses":
            return "the test's upstream expects to be asked for a stream"
        match self.speech:
            case "responses":
                return None
            case "anthropic":
                given = request.headers.get("x-api-key") or request.headers.get("authorization", "")
                wrong_key = None if self.key in given else "invalid x-api-key"
                return wrong_key or strict_anthropic.refusal(request.body, request.headers, self.signatures)
            case "chat" | "openai":
                if request.headers.get("authorization") != f"Bearer {self.key}":
                    return "Incorrect API key provided"
                house: strict_chat.House = "deepseek" if self.speech == "chat" else "openai"
                return strict_chat.refusal(request.body, house, self.thoughts)

    def issue(self, say: Say) -> tuple[int, list[str]]:
        """The answer's number and its calls' ids; what was thought is remembered, to know it when it comes back."""
        with self._lock:
            number = next(self._numbers)
            ids = [f"{self._id_prefix}{number}_{n}" for n, p in enumerate(say.pieces) if isinstance(p, Call)]
            thinking = "".join(piece.text for piece in say.pieces if isinstance(piece, Think))
            self.thoughts.update(dict.fromkeys(ids or [f"answer_{number}"], thinking))
            for piece in say.pieces:
                if isinstance(piece, Think):
                    self.signatures[speak_anthropic.signature(piece.text)] = piece.text
            return number, ids


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no news; anything else is a mistake in here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: ClassVar[Upstream]

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: what came is in `received`."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.path.split("?")[0], headers, json.loads(raw))
        match self.upstream.answer(request):
            case HangUp():
                self._hang_up()
            case Refuse() as refuse:
                made = self.upstream.speaker.error_body(refuse.status, refuse.message, refuse.error)
                self._whole(refuse.status, {"content-type": "application/json", **refuse.headers}, refuse.body or made)
            case Say() as say:
                self._say(say, request.body)

    def do_GET(self) -> None:
        """For what passes through: a websocket is refused as Codex likes it, anything else is not here."""
        status = 426 if self.headers.get("upgrade", "").lower() == "websocket" else 404
        self._whole(status, {"content-type": "application/json"}, b"{}")

    def _say(self, say: Say, body: Json) -> None:
        number, ids = self.upstream.issue(say)
        if say.whole:
            value = self.upstream.speaker.whole(say, body, number, ids)
            self._whole(200, {"content-type": "application/json"}, json.dumps(value).encode())
            return
        data = b"".join(self.upstream.speaker.stream(say, body, number, ids))
        headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
        if say.encoding:
            data, headers["content-encoding"] = _ENCODERS[say.encoding](data), say.encoding
        self._head(200, headers)
        self._chunks(data)
        match say.ends:
            case "drop":
                self._hang_up()
            case "stall":
                self.connection.recv(1)
                self.upstream.client_left.set()
                self._hang_up()
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

    def _hang_up(self) -> None:
        """Break the connection off; what was written before still arrives."""
        self.close_connection = True
