"""One try at one upstream: what is sent, what came back and when. Nothing here is mitmproxy's inside."""

import time
from array import array
from dataclasses import dataclass, field

from mitmproxy import connection, flow, http
from mitmproxy.net.http import url

from addons import live_bodies
from addons.compression import Decoder, Undecodable
from addons.conversion import CHUNKS, EXCHANGE, SIDE, TIMES, Answering, Conversion
from addons.layer.clock import Clock
from converters.errors import Fault, Kind

_OF_ONE_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length")


class TooLarge(Exception):
    """An answer beyond its limit."""


@dataclass(eq=False)
class Attempt:
    """`limit` is the most bytes of an answer; `upstream` is set as long as more is to come from there."""

    flow: http.HTTPFlow
    answer: Answering
    conversion: Conversion
    stream_id: int
    limit: int = 1 << 28
    upstream: connection.Server | None = None
    raw: bytearray = field(default_factory=bytearray)
    """The body as it came: cut, encoded, whatever."""
    unread: list[bytes] = field(default_factory=list)
    """What came of the body, decoded, and was not yet converted."""
    _decoder: Decoder | None = None
    _progress: int = 0
    _sizes: array[int] = field(default_factory=lambda: array("I"))
    _times: array[int] = field(default_factory=lambda: array("I"))  # milliseconds

    def __post_init__(self) -> None:
        self.clock = Clock(self.conversion)

    def start(self) -> None:
        """Enters the attempt in the books, before its first hook."""
        self.conversion.attempts.append(self.flow)
        self.flow.metadata |= {EXCHANGE: self.conversion.flow.id, SIDE: "upstream"}
        self.flow.live = True

    def on_the_wire(self, *, keep_alive: bool) -> http.Request:
        """The request as it is sent: only here are the credentials. Its body may have been edited meanwhile."""
        request = self.flow.request.copy()
        for name in _OF_ONE_HOP:
            request.headers.pop(name, None)
        request.headers.update({"accept-encoding": "identity"} | self.conversion.credentials)
        request.headers.setdefault("host", url.hostport(request.scheme, request.host, request.port))
        request.http_version, request.authority = "HTTP/1.1", ""
        if not keep_alive:
            request.headers["connection"] = "close"
        if request.raw_content:
            request.headers["content-length"] = str(len(request.raw_content))
        return request

    def open_answer(self, content_encoding: str) -> None:
        """Raises Undecodable if nobody knows the encoding."""
        self._decoder = Decoder(content_encoding, limit=self.limit) if content_encoding else None
        live_bodies.began(self.flow, self.raw)

    def receive(self, data: bytes) -> None:
        """Keeps a piece of the body.

        Raises:
            TooLarge: it is more than there may be.
            Undecodable: it is not what the answer's head said.
        """
        heard = self.clock.heard()
        self.raw += data
        self._sizes.append(len(data))
        self._times.append(round((heard - self.clock.began) * 1000))
        if len(self.raw) > self.limit:
            raise TooLarge(self._too_large)
        self.unread.append(self._decode(data) if self._decoder else data)

    def _decode(self, data: bytes) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.feed(data)
        except Undecodable as error:
            if error.status == 413:
                raise TooLarge(self._too_large) from error
            raise

    @property
    def _too_large(self) -> str:
        return f"an answer of more than {self.limit / 2**20:g} MiB (options answer_limit and body_size_limit)"

    def read(self) -> list[bytes]:
        """What the client is to be told of what came since the last time."""
        data, self.unread = b"".join(self.unread), []
        chunks = self.answer.feed(data) if data else []
        if self.answer.progress != self._progress:
            self._progress = self.answer.progress
            self.clock.progressed()
        return chunks

    def receive_trailers(self, trailers: http.Headers) -> None:
        if self.flow.response is not None:
            self.flow.response.trailers = trailers

    @property
    def is_stopped(self) -> bool:
        """A user killed its flow."""
        return self.flow.error is not None

    def fault(self, kind: Kind, what: str, status: int | None = None) -> Fault:
        return Fault(kind, f"{self.conversion.who} {what}", status)

    def end(self, error: str | None) -> None:
        """Leaves in the flow what came, before its last hook."""
        self.flow.live = False
        live_bodies.ended(self.flow)
        if error is not None:
            self.flow.error = self.flow.error or flow.Error(error)
        if self.flow.response is not None:
            self.flow.response.raw_content = bytes(self.raw)
            self.raw.clear()
            self.flow.metadata |= {CHUNKS: self._sizes.tolist(), TIMES: self._times.tolist()}
            self.flow.response.timestamp_end = time.time()
