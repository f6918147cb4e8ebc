"""The toy protocol's stream as events: `data: {"word": "Hel"}`, and at the end `data: {"over": "and out"}`."""

from typing import Any

from converters import jsontext, sse
from converters.errors import Fault
from converters.events import Event, Failed, Finished, Started, TextDelta
from converters.losses import Losses
from tests.toy.dialect import ToyDialect


class ToyDecoder:
    def __init__(self, provider_name: str, dialect: ToyDialect, losses: Losses) -> None:
        self._provider_name = provider_name
        self._started = self._ended = False

    def feed(self, message: sse.Message) -> list[Event]:
        return self.whole(jsontext.loads(message.data))

    def whole(self, body: Any) -> list[Event]:
        events: list[Event] = [] if self._started else [Started("toy-1", "toy")]
        self._started = True
        if word := body.get("word"):
            events.append(TextDelta(word))
        if "over" in body:
            self._ended = True
            events.append(Finished("stop"))
        return events

    def close(self) -> list[Event]:
        return [] if self._ended else [Failed(Fault("cut", f"{self._provider_name} fell silent"))]
