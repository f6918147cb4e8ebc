"""An exchange with a Responses upstream: bytes pass as they are; only an end that does not come is told."""

from collections.abc import Mapping

from converters import errors, jsontext
from converters.boundary import Exchange, too_long
from converters.errors import Answer, Client, Fault
from converters.jsontext import Json
from converters.losses import Losses
from converters.protocols import Upstream
from converters.responses import relay
from converters.responses.dialect import ResponsesDialect

_ERROR_HEADERS = {"content-type", "retry-after", "x-request-id"}


class Relay(Exchange):
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
        self.who, self._client = upstream.who, client
        self._event_limit = event_limit
        self._watch = relay.Watch(event_limit)
        self._pieces: list[bytes] = []
        self._broke_off = False

    @property
    def progress(self) -> int:  # type: ignore[override]  # what passes is counted where it is looked at
        return len(self._pieces) + self._watch.progress

    @property
    def usage(self) -> Json | None:
        return relay.usage(self._watch.last if self.stream else b"".join(self._pieces))

    @property
    def _fault(self) -> Fault | None:
        return None

    @property
    def _failed(self) -> bool:
        return self._broke_off

    def _feed(self, data: bytes) -> list[bytes]:
        if self._broke_off:
            return []
        if not self.stream:
            self._pieces.append(data)
            return []
        self._watch.feed(data)
        if self._watch.too_long:
            return [data, *self._fail(too_long(self.who, "an event", self._event_limit))]
        return [data]

    def _close(self) -> list[bytes]:
        if self._watch.close():
            return [b"\n\n"]
        return self._fail(Fault("cut", f"{self.who} closed the stream before its end"))

    def _fail(self, fault: Fault) -> list[bytes]:
        if self._watch.ended or not self.stream:
            return []
        self._watch.ended = self._broke_off = True
        if self._watch.error is not None:  # says more than the end that came of it
            fault = errors.from_stream(self.who, self._watch.error)
        return [errors.terminal_event(fault, "codex")]

    def _whole(self) -> Answer:
        return Answer(200, {"content-type": "application/json"}, b"".join(self._pieces))

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        if not errors.is_for_client(status):
            return errors.answer(errors.read(self.who, status, headers, body), self._client)
        kept = {name: value for name, value in headers.items() if name.lower() in _ERROR_HEADERS}
        return Answer(status, kept, body)
