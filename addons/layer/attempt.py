"""One try at one upstream: what is sent, what came back and when. Nothing here is mitmproxy's inside."""

import math
import time
from array import array
from dataclasses import dataclass, field

from mitmproxy import connection, flow, http
from mitmproxy.net.http import url

from addons import live_bodies
from addons.compression import Decoder
from addons.conversion import CHUNKS, EXCHANGE, SIDE, TIMES, Answering, Conversion
from converters.errors import Fault, Kind

_MOST_OF_AN_ANSWER = 1 << 28  # bytes, decoded
_OF_ONE_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length")


@dataclass(eq=False)
class Attempt:
    """`upstream` is set as long as more is to come from there."""

    flow: http.HTTPFlow
    answer: Answering
    conversion: Conversion
    stream_id: int
    upstream: connection.Server | None = None
    raw: bytearray = field(default_factory=bytearray)
    """The body as it came: cut, encoded, whatever."""
    unread: list[bytes] = field(default_factory=list)
    """What came of the body, decoded, and was not yet converted."""
    _decoder: Decoder | None = None
    _heard: float = field(default_factory=time.monotonic)
    _began: float = field(default_factory=time.monotonic)
    _sizes: array[int] = field(default_factory=lambda: array("I"))
    _times: array[int] = field(default_factory=lambda: array("I"))  # milliseconds

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
        self._decoder = Decoder(content_encoding, limit=_MOST_OF_AN_ANSWER) if content_encoding else None
        live_bodies.began(self.flow, self.raw)

    def receive(self, data: bytes) -> None:
        """Keeps a piece of the body.

        Raises:
            Undecodable: it is not what the answer's head said.
        """
        self._heard = time.monotonic()
        self.raw += data
        self._sizes.append(len(data))
        self._times.append(round((self._heard - self._began) * 1000))
        self.unread.append(self._decoder.feed(data) if self._decoder else data)

    def read(self) -> list[bytes]:
        """What the client is to be told of what came since the last time."""
        data, self.unread = b"".join(self.unread), []
        return self.answer.feed(data) if data else []

    def receive_trailers(self, trailers: http.Headers) -> None:
        if self.flow.response is not None:
            self.flow.response.trailers = trailers

    @property
    def is_stopped(self) -> bool:
        """A user killed its flow."""
        return self.flow.error is not None

    @property
    def limit(self) -> float:
        """How long the upstream may be silent now."""
        seconds = self.conversion.idle if self.raw else self.conversion.first_byte
        return math.inf if seconds is None else seconds

    def time_left(self) -> float:
        return self._heard + self.limit - time.monotonic()

    def fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"{self.conversion.who} {what}")

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
