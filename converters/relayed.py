"""A conversion for a Responses upstream: records pass as they are, up to the terminal event; only an end that does not
come is added."""

from collections.abc import Mapping

from converters import errors, jsontext, sse
from converters.boundary import STREAM_HEADERS, Conversion, too_long
from converters.errors import ClientResponse, Fault
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import previous_response, relay, whole
from converters.responses.dialect import ResponsesDialect
from converters.spec import ConversionSpec

_ERROR_HEADERS = {"content-type", "retry-after", "x-request-id"}
_JSON = {"content-type": "application/json"}


class RelayedConversion(Conversion):
    def __init__(self, raw: Json, spec: ConversionSpec, losses: Losses, *, event_limit: int | None) -> None:
        upstream, dialect = spec.upstream, spec.upstream.dialect
        assert isinstance(dialect, ResponsesDialect)
        super().__init__(spec, losses)
        self.path = "/responses/compact" if spec.compact else "/responses"
        self.headers = dialect.stream_headers()
        self.stream = raw.get("stream") is True and not spec.compact
        body = relay.body(raw, dialect, upstream.model, losses)
        asked = body if spec.compact else dialect.streamed(body)
        self.body = jsontext.dumps(dialect.completed(asked, losses))
        self._stands_alone = previous_response.stands_alone(raw)
        self._event_limit = event_limit
        self._records = sse.Splitter(event_limit)
        self._watch = relay.Watch()
        self._pieces: list[bytes] = []  # of a response that is no stream
        self._is_stream: bool | None = None if self.stream else False  # None: nothing came yet
        self._broken: Fault | None = None
        self._is_upstreams = False
        """The failure is in the upstream's own records, which Codex understands."""

    @property
    def progress(self) -> int:  # type: ignore[override]  # what passes is counted where it is looked at
        return len(self._pieces) + self._watch.progress

    @property
    def usage(self) -> Json | None:
        return relay.usage(self._watch.last if self.stream else b"".join(self._pieces))

    @property
    def _fault(self) -> Fault | None:
        return self._broken

    @property
    def _has_content(self) -> bool:
        return self._watch.has_content

    @property
    def _is_empty(self) -> bool:
        return self._watch.is_empty

    @property
    def _has_ended(self) -> bool:
        return self._watch.ended or self._broken is not None

    def _feed(self, data: bytes) -> list[bytes]:
        if self._broken is not None:
            return []
        if self._is_stream is None and (data := data.lstrip()):
            self._is_stream = not sse.is_document(data)
        if not self._is_stream:
            self._pieces += [data] if data else []
            return []
        records = self._pass(self._records.split(data))
        if self._records.too_long and not self._watch.ended:
            return [*records, *self._fail(too_long(self.provider_name, "an event", self._event_limit))]
        return records

    def _pass(self, records: list[bytes]) -> list[bytes]:
        passing = self._watch.read(records)
        if self._watch.failed and self._broken is None:
            self._is_upstreams = True
            self._broken = errors.from_stream(self.provider_name, self._watch.error)
        return [b"\n\n".join([*passing, b""])] if passing else []

    def _close(self) -> list[bytes]:
        if not self._is_stream:
            return self._check(b"".join(self._pieces))
        rest = self._records.rest()
        records = self._pass([rest]) if rest else []
        if self._watch.ended:
            return records  # with the blank line that lacked: Codex drops an event without it
        return self._fail(Fault("cut", f"{self.provider_name} closed the stream before its end"))

    def _check(self, body: bytes) -> list[bytes]:
        """A body that is no stream, at its end."""
        if not body.strip():
            return self._fail(Fault("cut", f"{self.provider_name} closed the stream before its end"))
        try:
            value = jsontext.loads(body)
        except ValueError:
            value = None if self.stream else whole.of_stream(body)  # of a host that only streams
            if value is not None:
                return self._take(value)
        if self.stream and whole.is_response(value):  # of a host that streams nothing
            return self._pass([record.removesuffix(b"\n\n") for record in whole.as_stream(value)])
        if value is not None and not self.stream:
            self._watch.is_empty = relay.is_empty(value)
            return []
        problem = f"{self.provider_name} answered with something that is no {'stream' if self.stream else 'JSON'}"
        return self._fail(Fault("server", f"{problem}: {errors.describe(body)}"))

    def _take(self, ended: Json) -> list[bytes]:
        """The end of a stream, for a client that wants none."""
        if (error := ended.get("error")) is not None:
            return self._fail(errors.from_stream(self.provider_name, error))
        self._pieces = [jsontext.dumps(ended)]
        self._watch.is_empty = relay.is_empty(ended)
        return []

    def _fail(self, fault: Fault) -> list[bytes]:
        if self._watch.ended or self._broken is not None:
            return []
        if self._watch.error is not None:  # more precise than the end that came of it
            fault = errors.from_stream(self.provider_name, self._watch.error)
        self._broken = fault
        return [errors.terminal_event(fault, "codex")] if self.stream else []

    def _whole(self) -> ClientResponse:
        if self._is_upstreams:
            return ClientResponse(200, STREAM_HEADERS, b"".join(self._held))
        if self._broken is not None:
            return self._failure(self._broken)
        return ClientResponse(200, _JSON, b"".join(self._pieces))

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> ClientResponse:
        response = super()._refused(status, headers, body)
        self.blames_previous_response = self._stands_alone and errors.blames_previous_response(status, body)
        if not errors.is_for_client(status):
            return response
        kept = {name: value for name, value in headers.items() if name.lower() in _ERROR_HEADERS}
        return ClientResponse(status, _with_wait(kept, status, self._refusal_fault), body)


def _with_wait(headers: dict[str, str], status: int, fault: Fault | None) -> dict[str, str]:
    """With the upstream's wait in the form that every client reads, wherever and however it was told."""
    name = next((name for name in headers if name.lower() == "retry-after"), "retry-after")
    was_told = headers.pop(name, None) is not None
    wait = fault.retry_after if fault else None
    if wait is not None and (was_told or status == 429 or status >= 500):
        headers[name] = str(wait)
    return headers
