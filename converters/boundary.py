"""The boundary to bytes that we do not own: nothing raises out of a conversion, whatever the upstream sends.

A surprise, which is a mistake of ours, ends the response as any failure does. Where even that fails, the client
gets a fixed error that needs nothing of the conversion: it never waits for an end that does not come.

Nothing goes to the client before there is content (`committed`): until then the request may be retried elsewhere. So
a complete response without text or call counts as failed until then; where nothing follows, the client gets it.
"""

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from email.utils import formatdate

from converters import errors
from converters.dialect import DialectChange
from converters.errors import ClientResponse, Fault
from converters.jsontext import Json
from converters.losses import Losses
from converters.spec import ConversionSpec

CONVERSION_FAULT = Fault("server", "The provider's answer could not be converted.", 502)
STREAM_HEADERS = {"content-type": "text/event-stream"}
_LAST_RECORD = errors.terminal_event(CONVERSION_FAULT, "codex")
_LAST_RESPONSE = errors.client_response(CONVERSION_FAULT, "other")


class Conversion(ABC):
    """What all conversions offer. `path` follows the provider's base address; `stream`: the client requested one."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    losses: Losses
    stream: bool
    provider_name: str
    progress: int = 0
    """Grows with each piece of the response that carries something; comments and pings do not."""
    surprise: str = ""
    """What should not have happened, and where: for whoever mends it, and never for the client. Holds no value."""
    committed: bool = False
    """The client of a stream has read something, so that its end goes there, too."""
    blames_reasoning: bool = False
    """The upstream refused the request for the thread's earlier reasoning, so that one without may be taken."""
    blames_previous_response: bool = False
    """The upstream does not know the response that the request follows, and its input holds the whole history."""
    lesson: DialectChange | None = None
    """The upstream refused something of the request, so that one of this changed dialect may be taken."""
    learn: "Callable[[Conversion, int, bytes], DialectChange | None] | None" = None
    """The lesson of a refusal of this; set by who opens the conversion, since it takes another one to tell."""

    def __init__(self, spec: ConversionSpec, losses: Losses) -> None:
        self.provider_name, self.losses = spec.upstream.provider_name, losses
        self._client, self._now = spec.client, spec.now
        self._has_reasoning = not spec.reasoning_stripped  # as far as there was any
        self._held: list[bytes] = []
        self._has_begun = False
        """The upstream has sent some of a response, or its end."""
        self._gave_up = False
        self._refusal: ClientResponse | None = None
        self._refusal_fault: Fault | None = None

    @property
    def fault(self) -> Fault | None:
        """Why the response failed, once it came to its end."""
        return CONVERSION_FAULT if self._gave_up else self._fault or self._refusal_fault or self._emptiness

    @property
    def failed(self) -> bool:
        """The response failed, and its end was written where it could be: what still comes is not needed."""
        return self._gave_up or self._fault is not None or self._emptiness is not None

    @property
    def ended(self) -> bool:
        """The response came to its end, good or bad: what still comes is not needed."""
        return self.failed or self._has_ended

    @property
    @abstractmethod
    def usage(self) -> Json | None:
        """The tokens that the upstream counted, in the form of the Responses API; None as long as there are none."""

    def feed(self, data: bytes) -> list[bytes]:
        """What the client reads now, for these bytes of the upstream's 200 response, freed from content encoding."""
        self._has_begun = True
        return self._once_committed(self._feed, data)

    def close(self) -> list[bytes]:
        """The upstream's response came to its end."""
        self._has_begun = True
        return self._once_committed(self._close)

    def fail(self, fault: Fault) -> list[bytes]:
        """The response breaks off; nothing if it had come to its end."""
        return self._once_committed(self._fail, fault)

    def commit(self) -> list[bytes]:
        """The client waits no longer for content: it gets what there is of the response, and then all that follows."""
        held, self._held, self.committed = self._held, [], True
        return held

    def whole(self) -> ClientResponse:
        """What a client gets that reads no stream: one that requested none, after `close`, or one that has read nothing
        of a stream that failed. An empty response comes as it is: no error makes more of it."""
        if self.stream and self._emptiness is not None:
            return ClientResponse(200, STREAM_HEADERS, b"".join(self._held))
        return self._refusal or self._guarded_response(self._whole)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The upstream sent an HTTP error: `fault` is the reason, `whole` the client's response."""
        self._refusal = self._guarded_response(self._refused, status, headers, body)

    def keepalive(self) -> list[bytes]:
        """A record without content that counts as life: Codex counts any data line, and no comment."""
        return [b'event: keepalive\ndata: {"type":"keepalive"}\n\n'] if self.stream else []

    # --- what each conversion does, and what comes of a surprise in it ---

    @property
    @abstractmethod
    def _fault(self) -> Fault | None:
        """Of a response; that of a refusal is kept here."""

    @property
    @abstractmethod
    def _has_content(self) -> bool:
        """There is something worth reading."""

    @property
    @abstractmethod
    def _is_empty(self) -> bool:
        """The response is complete, and holds neither text nor call."""

    @property
    def _emptiness(self) -> Fault | None:
        """Of an empty response whose client has read nothing: another may say more."""
        if not self._is_empty or (self.stream and self.committed):
            return None
        return Fault("empty", f"{self.provider_name} answered with nothing")

    @property
    @abstractmethod
    def _has_ended(self) -> bool:
        """The response is complete, or nothing more of it can be."""

    @abstractmethod
    def _feed(self, data: bytes) -> list[bytes]: ...

    @abstractmethod
    def _close(self) -> list[bytes]: ...

    @abstractmethod
    def _fail(self, fault: Fault) -> list[bytes]: ...

    @abstractmethod
    def _whole(self) -> ClientResponse: ...

    def _failure(self, fault: Fault) -> ClientResponse:
        """For a client that has read nothing of a response that failed.

        Codex tries a stream that failed six times and shows why. A 5xx it tries thirty times, and of a 429 it hides the
        message.
        """
        if self._has_begun and self.stream and self._client != "other":
            return ClientResponse(200, STREAM_HEADERS, b"".join(self._held))
        return errors.client_response(fault, self._client)

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> ClientResponse:
        dated = {"date": formatdate(self._now, usegmt=True), **headers}  # where it sends no date of its own
        self._refusal_fault = errors.read(self.provider_name, status, dated, body)
        self.blames_reasoning = self._has_reasoning and errors.blames_thinking(status, body)
        if self.learn is not None and not self.blames_reasoning:
            self.lesson = self.learn(self, status, body)
        return errors.client_response(self._refusal_fault, self._client)

    def _once_committed[**P](self, convert: Callable[P, list[bytes]], *args: P.args, **kwargs: P.kwargs) -> list[bytes]:
        records = self._guarded(convert, *args, **kwargs)
        if self.committed:
            return records
        self._held += records
        return self.commit() if self._has_content and not self._gave_up else []

    def _guarded[**P](self, convert: Callable[P, list[bytes]], *args: P.args, **kwargs: P.kwargs) -> list[bytes]:
        if self._gave_up:
            return []
        try:
            return convert(*args, **kwargs)
        except Exception as error:
            self.surprise = _placed(error)
        try:
            return self._fail(Fault("server", f"{self.provider_name} sent an answer that could not be read"))
        except Exception:  # failing failed, too
            self._gave_up = True
            return [_LAST_RECORD] if self.stream else []

    def _guarded_response[**P](
        self, convert: Callable[P, ClientResponse], *args: P.args, **kwargs: P.kwargs
    ) -> ClientResponse:
        if self._gave_up:
            return _LAST_RESPONSE
        try:
            return convert(*args, **kwargs)
        except Exception as error:
            self.surprise, self._gave_up = _placed(error), True
            return _LAST_RESPONSE


def _placed(error: Exception) -> str:
    """The kind of an error and the lines that led there; its words may be the user's own."""
    steps = traceback.extract_tb(error.__traceback__)[-_MOST_STEPS:]
    lines = [f"{step.filename.rpartition('/')[2]}:{step.lineno}" for step in reversed(steps)]
    return f"{type(error).__name__} in {' < '.join(lines)}"


_MOST_STEPS = 6


def too_long(provider_name: str, what: str, limit: int | None) -> Fault:
    """Not worth another try: the limit would be the same."""
    size = f"{(limit or 0) / 2**20:g} MiB"
    return Fault("bad_request", f"{provider_name} sent {what} of more than {size} (option event_limit)", 502)
