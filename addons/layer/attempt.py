"""One try at one upstream: what is sent, what came back and when. Nothing here uses mitmproxy's internals."""

import time
from array import array
from dataclasses import dataclass, field
from email.utils import formatdate

from mitmproxy import connection, flow, http
from mitmproxy.net.http import url

from addons.credentials import header_secrets
from addons.credentials.masking import Mask, StreamMask, values
from addons.exchange import content_encoding
from addons.exchange.content_encoding import Decoder, Undecodable
from addons.exchange.error_response import MAX_ERROR_BYTES, readable
from addons.exchange.exchange import Attempt, Exchange, Outcome, ResponseConverter
from addons.exchange.flow_metadata import ATTEMPT, CHUNKS, EXCHANGE, SIDE, TIMES, as_text, note_end
from addons.layer import live_bodies
from addons.layer.attempt_clock import Clock
from addons.runtime.printable import printable
from converters.errors import Fault, Kind

_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect", "content-length")


class TooLarge(Exception):
    """A response beyond its limit."""


@dataclass(eq=False)
class RunningAttempt:
    """An attempt while it runs; `record` is the part that addons see.

    `limit` is the most bytes of a response; `upstream` is set as long as more is to come from there.
    """

    record: Attempt
    exchange: Exchange
    stream_id: int
    limit: int = 1 << 28
    upstream: connection.Server | None = None
    raw: bytearray = field(default_factory=bytearray)
    """The body as it came: cut, encoded, whatever; but for credentials, which are masked."""
    unread: list[bytes] = field(default_factory=list)
    """What came of the body, decoded and masked, and was not yet converted."""
    mask: Mask = field(init=False)
    """Of the credentials that were sent."""
    _decoder: Decoder | None = None
    _progress: int = 0
    _sizes: array[int] = field(default_factory=lambda: array("I"))
    _times: array[int] = field(default_factory=lambda: array("I"))  # milliseconds
    _sent: header_secrets.Secrets = field(default_factory=dict, repr=False)
    _destination: header_secrets.Destination | None = None
    _stream_mask: StreamMask = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.record.limits)
        self.mask = self._mask_of(is_error=False)
        self._stream_mask = StreamMask(self.mask)

    @property
    def flow(self) -> http.HTTPFlow:
        return self.record.flow

    @property
    def conversion(self) -> ResponseConverter:
        return self.record.conversion

    def start(self) -> None:
        """Adds the attempt to its exchange, before its first hook: as it will be sent, but for the credentials."""
        self.record.started = time.time()
        self.exchange.attempts.append(self.record)
        number = len(self.exchange.attempts)
        self.flow.metadata |= {EXCHANGE: self.exchange.flow.id, SIDE: "upstream", ATTEMPT: number}
        self.flow.live = True
        request = self.flow.request
        request.headers.setdefault("host", url.hostport(request.scheme, request.host, request.port))
        request.headers["accept-encoding"] = "identity"
        self._sent = header_secrets.hide(request, self.record.credentials)
        self._destination = header_secrets.Destination.of(request)

    def on_the_wire(self, *, keep_alive: bool) -> http.Request:
        """The request as it is sent: only here are the credentials, and only if it goes where it was meant to go.

        It may have been edited meanwhile.
        """
        goes_to_its_destination = self._destination is not None and self._destination.includes(self.flow.request)
        request, _ = header_secrets.restored(self.flow.request, self._sent if goes_to_its_destination else {})
        for name in _HOP_BY_HOP:
            request.headers.pop(name, None)
        request.http_version, request.authority = "HTTP/1.1", ""
        if not keep_alive:
            request.headers["connection"] = "close"
        if request.raw_content:
            request.headers["content-length"] = str(len(request.raw_content))
        return request

    def read_head(self, response: http.Response) -> http.Response:
        """The response's head, without what it repeats of the credentials."""
        strict = self._mask_of(is_error=True)
        header_secrets.mask(response.headers, strict)
        response.reason = strict.text(response.reason)
        if self._is_error(response):
            self._stream_mask = StreamMask(strict)
            self.clock.refused()
        return response

    def _is_error(self, response: http.Response) -> bool:
        return response.status_code >= 300

    def _mask_of(self, *, is_error: bool) -> Mask:
        return Mask(values(self.record.credentials.items()), is_error=is_error)

    def open_response(self, encoding: str) -> None:
        """Raises Undecodable if the encoding is unknown."""
        self._decoder = Decoder(encoding, limit=self.limit) if encoding else None
        live_bodies.start(self.flow, self.raw)

    def receive(self, data: bytes) -> None:
        """Keeps a piece of the body.

        Raises:
            TooLarge: it is more than there may be.
            Undecodable: it does not fit the response's content-encoding.
        """
        received_at = self.clock.received()
        if not self._sizes:
            self.record.first_byte = time.time()
        self._sizes.append(len(data))
        self._times.append(round((received_at - self.clock.started_at) * 1000))
        shown = data if self._decoder else self._stream_mask.feed(data)
        self.raw += shown
        if len(self.raw) > self.limit:
            raise TooLarge(self._too_large)
        self.unread.append(self._stream_mask.feed(self._decode(data)) if self._decoder else shown)

    def flush(self) -> None:
        """Nothing more comes: what might have become a credential is none."""
        rest = self._stream_mask.close()
        self.unread.append(rest)
        if self._decoder is None:
            self.raw += rest

    def receive_plain(self, data: bytes) -> bool:
        """`receive`, where that cannot fail."""
        if self._decoder is not None or len(self.raw) + len(data) > self.limit:
            return False
        self.receive(data)
        return True

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
        """What the client reads of all that came since the last call."""
        data, self.unread = b"".join(self.unread), []
        chunks = self.conversion.feed(data) if data else []
        if self.conversion.progress != self._progress:
            if not self._progress:
                self.record.first_content = time.time()
            self._progress = self.conversion.progress
            self.clock.progressed()
        return chunks

    def receive_trailers(self, trailers: http.Headers) -> None:
        if self.flow.response is not None:
            header_secrets.mask(trailers, self._mask_of(is_error=True))
            self.flow.response.trailers = trailers

    @property
    def is_stopped(self) -> bool:
        """A user killed its flow."""
        return self.flow.error is not None

    def fault(self, kind: Kind, what: str, status: int | None = None) -> Fault:
        return Fault(kind, f"{self.record.provider_name} {what}", status)

    def end(self, error: str | None = None, outcome: Outcome | None = None) -> None:
        """Leaves in the flow what came, and in the record what came of it, before the last hooks.

        Without an outcome, the conversion knows it.
        """
        self.flow.live = False
        live_bodies.stop(self.flow)
        if error is not None:
            self.flow.error = self.flow.error or flow.Error(printable(error))
        if self.flow.response is not None:
            self.flush()
            self.flow.response.raw_content = self._body(self.flow.response)
            self.raw.clear()
            self.flow.metadata |= {CHUNKS: as_text(self._sizes), TIMES: as_text(self._times)}
            self.flow.response.timestamp_end = time.time()
        self._conclude(outcome)

    def _conclude(self, outcome: Outcome | None) -> None:
        record, response = self.record, self.flow.response
        if outcome == "refused" and response is not None:
            now = formatdate(time.time(), usegmt=True)  # by which a date to wait for is read, where it sends none
            headers = {"date": now, **dict(response.headers.items())}
            self.conversion.refused(response.status_code, headers, readable(response))
        record.outcome = outcome or ("failed" if self.conversion.fault else "answered")
        record.fault = None if outcome == "client_left" else self.conversion.fault
        record.ended = time.time()
        self.exchange.fault = record.fault
        note_end(self.flow, record.outcome, record.fault)

    def _body(self, response: http.Response) -> bytes:
        """As it came, but for one that is encoded and repeats a credential, or may."""
        encoding = response.headers.get("content-encoding", "")
        if not encoding or not (self._is_error(response) or self._stream_mask.found):
            return bytes(self.raw)
        del response.headers["content-encoding"]
        limit = MAX_ERROR_BYTES if self._is_error(response) else self.limit
        return self._stream_mask.mask(content_encoding.beginning(bytes(self.raw), encoding, limit=limit))
