"""A conversion for an upstream of another protocol: messages to events (its decoder), events to a Responses stream."""

from collections.abc import Iterator

from converters import errors, jsontext, sse, tools
from converters.boundary import Conversion, too_long
from converters.errors import ClientResponse, Fault
from converters.events import Event, Failed
from converters.jsontext import Json
from converters.losses import Losses
from converters.protocols import PROTOCOLS
from converters.responses import compaction, wire
from converters.responses.encoder import Encoder
from converters.spec import ConversionSpec


class TranslatedConversion(Conversion):
    def __init__(self, request: wire.Request, spec: ConversionSpec, losses: Losses, *, event_limit: int | None) -> None:
        upstream, dialect = spec.upstream, spec.upstream.dialect
        super().__init__(spec, losses)
        protocol = PROTOCOLS[upstream.protocol]
        assert protocol.convert is not None
        self.path = protocol.path_for(upstream.model)
        self.headers = {**protocol.headers(dialect), **dialect.stream_headers()}
        self.stream = request.stream and not spec.compact
        self._compact = request if spec.compact else None
        compacts = spec.compact or compaction.is_compaction(request)
        upstream_request = compaction.rewrite(request) if compacts else request
        toolbox = tools.lower(upstream_request)
        toolbox.leave_out(dialect.refused_tools, losses)
        body = protocol.convert(upstream_request, toolbox, dialect, upstream.model, losses)
        self.body = jsontext.dumps(dialect.completed(dialect.streamed(body), losses))
        self._decoder = protocol.decoder(upstream.provider_name, dialect, losses)
        make = compaction.CompactionEncoder if compacts else Encoder
        self._encoder = make(
            request,
            toolbox,
            created_at=spec.now,
            client=spec.client,
            continue_on_length=dialect.continue_on_length,
            continue_on_empty=dialect.continue_on_empty,
        )
        self._event_limit = event_limit
        self._parser = sse.Parser(event_limit)
        self._body: bytearray | None = None  # the response, when it turns out to be no stream
        self._began = False

    @property
    def usage(self) -> Json | None:
        return self._encoder.usage

    @property
    def _fault(self) -> Fault | None:
        return self._encoder.fault

    @property
    def _has_content(self) -> bool:
        return self._encoder.has_content

    @property
    def _is_empty(self) -> bool:
        return self._encoder.is_empty

    @property
    def _has_ended(self) -> bool:
        return self._encoder.ended

    def _feed(self, data: bytes) -> list[bytes]:
        if self._encoder.ended:
            return []
        if not self._began and (data := data.lstrip()):
            self._began = True
            self._body = bytearray() if sse.is_document(data) else None
        if self._body is not None:
            return self._gather(self._body, data)
        records = self._to_client(self._encoder.feed(self._events(self._parser.feed(data))))
        return records + self._too_long("an event") if self._parser.too_long else records

    def _gather(self, body: bytearray, data: bytes) -> list[bytes]:
        body += data
        self.progress += not data.isspace()
        if self._event_limit is None or len(body) <= self._event_limit:
            return []
        body.clear()
        return self._too_long("an answer that is no stream")

    def _too_long(self, what: str) -> list[bytes]:
        return self._fail(too_long(self.provider_name, what, self._event_limit))

    def _close(self) -> list[bytes]:
        return self._to_client(self._encoder.feed(self._last_events())) + self._to_client(self._encoder.close())

    def _fail(self, fault: Fault) -> list[bytes]:
        return self._to_client(self._encoder.feed([Failed(fault)]))

    def _whole(self) -> ClientResponse:
        if self._encoder.fault is not None:
            return self._failure(self._encoder.fault)
        response = self._encoder.response
        if self._compact is not None:
            response = compaction.compact_body(response, self._compact)
        return ClientResponse(200, {"content-type": "application/json"}, jsontext.dumps(response))

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
            text = errors.describe(body)
            yield Failed(Fault("server", f"{self.provider_name} answered with something that is no stream: {text}"))
        else:
            yield from self._decoder.whole(value)
            yield from self._decoder.close()

    def _to_client(self, records: bytes) -> list[bytes]:
        return [records] if records and self.stream else []
