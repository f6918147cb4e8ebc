"""One question and its answer: the only door that addons use.

    raw = load(body)                                           # raises RequestError
    exchange = open_exchange(raw, upstream, now=..., client="codex")   # raises RequestError: nothing was sent yet
    POST to the upstream's base + exchange.path: exchange.headers, exchange.body
    client <- exchange.feed(bytes from upstream) ... exchange.close()

`feed`, `close` and `fail` never raise: what goes wrong becomes the stream's one terminal event. A client that asked for
no stream gets `whole()`, made of the same events.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from converters import errors, jsontext, sse, tools
from converters.anthropic import from_responses as to_anthropic
from converters.anthropic import to_responses as from_anthropic
from converters.chat import from_responses as to_chat
from converters.chat import to_responses as from_chat
from converters.dialect import AnthropicDialect, ChatDialect, Dialect, ResponsesDialect
from converters.errors import Answer, Client, Fault, RequestError
from converters.events import Event, Failed
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import compaction, relay, thoughtless, wire
from converters.responses.encoder import Encoder
from converters.tools import Toolbox

load = wire.load


@dataclass(frozen=True, slots=True)
class Upstream:
    """Who answers, as far as a converter needs to know. `who` is the provider's name in messages to the user."""

    who: str
    protocol: str
    model: str
    dialect: Dialect


class Decoder(Protocol):
    """What each protocol's `to_responses` offers: messages in, events out.

    `close` reports Finished or Failed if nothing did yet. `whole` takes a body that is no stream; only `close` follows.
    """

    def feed(self, message: sse.Message) -> list[Event]: ...
    def close(self) -> list[Event]: ...
    def whole(self, body: Any) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class _Converter:
    """A protocol other than Responses: convert(request, tools, dialect, model, losses) -> body, and its decoder."""

    path: str
    dialect: type[Dialect]
    convert: Callable[[wire.Request, Toolbox, Any, str, Losses], Json]
    decoder: Callable[[str, Any], Decoder]
    headers: Callable[[Any], dict[str, str]]


_CONVERTERS: dict[str, _Converter] = {
    "chat": _Converter("/chat/completions", ChatDialect, to_chat.convert, from_chat.Decoder, lambda _: {}),
    "anthropic": _Converter(
        "/messages", AnthropicDialect, to_anthropic.convert, from_anthropic.Decoder, to_anthropic.headers
    ),
}
_RESPONSES = "responses"

DIALECTS: dict[str, type[Dialect]] = {
    _RESPONSES: ResponsesDialect,
    **{name: converter.dialect for name, converter in _CONVERTERS.items()},
}
"""protocol -> its dialect: all protocols there are."""


class Exchange(ABC):
    """What all exchanges offer. `path` follows the provider's base address; `stream` is what the client asked for."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    losses: Losses
    stream: bool
    progress: int = 0
    """Grows with each piece of the answer that says something; comments and pings do not."""
    _thinks: bool = True
    """The question holds earlier thinking, as far as there was any."""

    @property
    def fault(self) -> Fault | None:
        """Why the answer failed, once it came to its end."""
        return None

    @property
    @abstractmethod
    def usage(self) -> Json | None:
        """The tokens that the upstream counted, in the form of a Responses answer; None as long as it said nothing."""

    @property
    @abstractmethod
    def ended(self) -> bool:
        """The answer failed, and its end was told: what still comes is not needed."""

    @abstractmethod
    def feed(self, data: bytes) -> list[bytes]:
        """What the client reads now, for these bytes of the upstream's 200 answer, freed from content encoding."""

    @abstractmethod
    def close(self) -> list[bytes]:
        """The upstream's answer came to its end."""

    @abstractmethod
    def fail(self, fault: Fault) -> list[bytes]:
        """The answer breaks off; nothing if it had come to its end."""

    @abstractmethod
    def whole(self) -> Answer:
        """The answer for a client that asked for no stream, after `close` or `fail`."""

    def blames_thinking(self, status: int, body: bytes) -> bool:
        """Whether the upstream refused the question for its earlier thinking, so that one without may be taken."""
        return self._thinks and errors.blames_thinking(status, body)

    @abstractmethod
    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the client is told when the upstream answered with an error."""

    def keepalive(self) -> list[bytes]:
        """A record that says nothing but counts as life: Codex counts any data line, and no comment."""
        return [b'event: keepalive\ndata: {"type":"keepalive"}\n\n'] if self.stream else []


def open_exchange(
    raw: Json,
    upstream: Upstream,
    *,
    now: int,
    client: Client,
    compact: bool = False,
    without_thinking: bool = False,
    event_limit: int | None = None,
) -> Exchange:
    """The exchange of one loaded request with one upstream; `now` is the clock in whole seconds.

    `compact`: the client wants the body of POST /responses/compact. `without_thinking`: the upstream did not take the
    thread's earlier thinking back (`blames_thinking`). `event_limit`: the most bytes of one event, or of an answer that
    is no stream.

    Raises:
        RequestError: the request cannot be converted.
    """
    losses = Losses()
    if without_thinking:
        raw = thoughtless.without_thinking(raw, losses)
    if upstream.protocol == _RESPONSES:
        opened: Exchange = _Relay(raw, upstream, losses, client=client, compact=compact, event_limit=event_limit)
    else:
        opened = _Conversion(
            wire.read(raw), upstream, losses, now=now, client=client, compact=compact, event_limit=event_limit
        )
    opened._thinks = not without_thinking
    return opened


def passes_as_it_is(raw: Json) -> bool:
    """Whether a request holds nothing that OpenAI itself would refuse: it was with another model before."""
    return not relay.changes(raw)


def model_of(raw: Json) -> str:
    """The model that a request asks for.

    Raises:
        RequestError: it names none.
    """
    model = raw.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("the request names no model", param="model")
    return model


class _Conversion(Exchange):
    def __init__(
        self,
        request: wire.Request,
        upstream: Upstream,
        losses: Losses,
        *,
        now: int,
        client: Client,
        compact: bool,
        event_limit: int | None,
    ) -> None:
        converter = _CONVERTERS[upstream.protocol]
        self.path, self.headers = converter.path, converter.headers(upstream.dialect)
        self.losses = losses
        self.stream = request.stream and not compact
        self._who, self._client = upstream.who, client
        self._compact = request if compact else None
        compacts = compact or compaction.is_compaction(request)
        asked = compaction.rewrite(request) if compacts else request
        toolbox = tools.lower(asked)
        toolbox.leave_out(upstream.dialect.refused_tools, self.losses)
        body = converter.convert(asked, toolbox, upstream.dialect, upstream.model, self.losses)
        self.body = jsontext.dumps(upstream.dialect.completed(body))
        self._decoder = converter.decoder(upstream.who, upstream.dialect)
        make = compaction.CompactionEncoder if compacts else Encoder
        self._encoder = make(
            request,
            toolbox,
            created_at=now,
            client=client,
            continue_on_length=upstream.dialect.continue_on_length,
            continue_on_empty=upstream.dialect.continue_on_empty,
        )
        self._event_limit = event_limit
        self._parser = sse.Parser(event_limit)
        self._body: bytearray | None = None  # the answer, when it turns out to be no stream
        self._began = False
        self._refusal: Fault | None = None

    @property
    def fault(self) -> Fault | None:
        return self._encoder.fault or self._refusal

    @property
    def usage(self) -> Json | None:
        return self._encoder.usage

    @property
    def ended(self) -> bool:
        return self._encoder.fault is not None

    def feed(self, data: bytes) -> list[bytes]:
        if not self._began and (data := data.lstrip()):
            self._began = True
            # An error page, or JSON where a stream was asked for: no line of a stream begins so.
            self._body = bytearray() if data[:1] in b"{[<" else None
        if self._body is not None:
            return self._gather(self._body, data)
        told = self._tell(self._events(self._parser.feed(data)))
        return told + self._too_long("an event") if self._parser.too_long else told

    def _gather(self, body: bytearray, data: bytes) -> list[bytes]:
        body += data
        self.progress += not data.isspace()
        if self._event_limit is None or len(body) <= self._event_limit:
            return []
        body.clear()
        return self._too_long("an answer that is no stream")

    def _too_long(self, what: str) -> list[bytes]:
        return self.fail(_too_long(self._who, what, self._event_limit))

    def close(self) -> list[bytes]:
        return self._tell(self._last_events()) + self._say(self._encoder.close())

    def fail(self, fault: Fault) -> list[bytes]:
        return self._say(self._encoder.feed([Failed(fault)]))

    def whole(self) -> Answer:
        if self._encoder.fault is not None:
            return errors.answer(self._encoder.fault, self._client)
        response = self._encoder.response
        if self._compact is not None:
            response = compaction.compact_body(response, self._compact)
        return Answer(200, {"content-type": "application/json"}, jsontext.dumps(response))

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        self._refusal = errors.read(self._who, status, headers, body)
        return errors.answer(self._refusal, self._client)

    def _events(self, messages: list[sse.Message]) -> Iterator[Event]:
        feed = self._decoder.feed
        for message in messages:
            if events := feed(message):
                self.progress += 1
                yield from events

    def _last_events(self) -> Iterator[Event]:
        if self._body is None:
            yield from self._events(self._parser.close())
            yield from self._decoder.close()
            return
        body = bytes(self._body)
        try:
            value = jsontext.loads(body)
        except ValueError:
            said = errors.describe(body)
            yield Failed(Fault("server", f"{self._who} answered with something that is no stream: {said}"))
        else:
            yield from self._decoder.whole(value)
            yield from self._decoder.close()

    def _tell(self, events: Iterator[Event]) -> list[bytes]:
        """`events` reads as it goes: what was said before a surprise is told."""
        try:
            return self._say(self._encoder.feed(events))
        except (
            Exception
        ) as error:  # the boundary to bytes that we do not own: a surprise must not cut the client's stream
            why = f"{self._who}'s answer could not be read: {type(error).__name__}: {error}"
            return self.fail(Fault("server", why))

    def _say(self, records: bytes) -> list[bytes]:
        return [records] if records and self.stream else []


class _Relay(Exchange):
    """A Responses upstream: bytes pass as they are; only an end that does not come is told."""

    def __init__(
        self, raw: Json, upstream: Upstream, losses: Losses, *, client: Client, compact: bool, event_limit: int | None
    ) -> None:
        assert isinstance(upstream.dialect, ResponsesDialect)
        self.path = "/responses/compact" if compact else "/responses"
        self.headers = {}
        self.losses = losses
        self.stream = raw.get("stream") is True and not compact
        body = relay.body(raw, upstream.dialect, upstream.model, self.losses)
        self.body = jsontext.dumps(upstream.dialect.completed(body))
        self._who, self._client = upstream.who, client
        self._event_limit = event_limit
        self._watch = relay.Watch(event_limit)
        self._pieces: list[bytes] = []
        self._failed = False

    @property
    def ended(self) -> bool:
        return self._failed

    @property
    def progress(self) -> int:  # type: ignore[override]  # what passes is counted where it is looked at
        return len(self._pieces) + self._watch.progress

    @property
    def usage(self) -> Json | None:
        return relay.usage(self._watch.last if self.stream else b"".join(self._pieces))

    def feed(self, data: bytes) -> list[bytes]:
        if not self.stream:
            self._pieces.append(data)
            return []
        self._watch.feed(data)
        return (
            [data, *self.fail(_too_long(self._who, "an event", self._event_limit))] if self._watch.too_long else [data]
        )

    def close(self) -> list[bytes]:
        if self._watch.close():
            return [b"\n\n"]
        return self.fail(Fault("cut", f"{self._who} closed the stream before its end"))

    def fail(self, fault: Fault) -> list[bytes]:
        if self._watch.ended or not self.stream:
            return []
        self._watch.ended = self._failed = True
        if self._watch.error is not None:  # says more than the end that came of it
            fault = errors.from_stream(self._who, self._watch.error)
        return [errors.terminal_event(fault, "codex")]

    def whole(self) -> Answer:
        return Answer(200, {"content-type": "application/json"}, b"".join(self._pieces))

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        if not errors.is_for_client(status):
            return errors.answer(errors.read(self._who, status, headers, body), self._client)
        kept = {name: value for name, value in headers.items() if name.lower() in _ERROR_HEADERS}
        return Answer(status, kept, body)


def _too_long(who: str, what: str, limit: int | None) -> Fault:
    """Not worth another try: the limit would be the same."""
    size = f"{(limit or 0) / 2**20:g} MiB"
    return Fault("bad_request", f"{who} sent {what} of more than {size} (option event_limit)", 502)


_ERROR_HEADERS = {"content-type", "retry-after", "x-request-id"}
