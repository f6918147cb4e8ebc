"""The frame of a response: numbered events, created and in_progress first, exactly one terminal event last."""

from collections.abc import Callable
from typing import Any

from converters import errors, sse
from converters.errors import Client, Fault
from converters.events import UsageReported
from converters.jsontext import Json, dumps
from converters.responses import snapshot, wire


class Stream:
    """The events written and not yet taken, as records; numbers them from 0."""

    __slots__ = ("_number", "_records")

    def __init__(self) -> None:
        self._number = 0
        self._records: list[bytes] = []

    def write(self, kind: str, place: Json, /, **fields: Any) -> None:
        """`place` has the fields that name the event's item and part."""
        self._records.append(sse.encode({"type": kind, "sequence_number": self._number, **place, **fields}))
        self._number += 1

    def delta_writer(self, kind: str, place: Json) -> Callable[[str], None]:
        """A function that writes a delta there: most events are these, and differ only in their number and text."""
        head, tail = sse.encode({"type": kind, "sequence_number": 0, **place, "delta": ""}).split(b"0", 1)
        tail = tail.removesuffix(b'""}\n\n')

        def write(text: str) -> None:
            self._records.append(b"%b%d%b%b}\n\n" % (head, self._number, tail, dumps(text)))
            self._number += 1

        return write

    def take(self) -> bytes:
        records = b"".join(self._records)
        self._records.clear()
        return records


class Lifecycle:
    """One Response from created to its end.

    `response` is the terminal event's once there was one, `fault` is why it failed, `tail` ends all its ids.
    """

    def __init__(self, request: wire.Request, *, created_at: int, client: Client) -> None:
        self.stream = Stream()
        self.tail = ""
        self.started = self.ended = False
        self.response: Json = {}
        self.fault: Fault | None = None
        self._request, self._created_at, self._client = request, created_at, client
        self.usage: Json | None = None  # as it was last reported

    def start(self, upstream_id: str) -> None:
        self.started = True
        self.tail = snapshot.tail_of(upstream_id, self._request, self._created_at)
        self.response = snapshot.blank(self._request, f"resp_{self.tail}", self._created_at)
        self.stream.write("response.created", {}, response=self.response)
        self.stream.write("response.in_progress", {}, response=self.response)

    def report(self, usage: UsageReported) -> None:
        self.usage = snapshot.usage(usage)

    def complete(self, output: list[Json], *, end_turn: bool = True) -> None:
        # Only False has a meaning: Codex then sends its next request at once.
        more = {} if end_turn else {"end_turn": False}
        self._end("completed", output, completed_at=self._created_at, **more)

    def cut_short(self, output: list[Json], reason: str) -> None:
        self._end("incomplete", output, incomplete_details={"reason": reason})

    def fail(self, output: list[Json], fault: Fault) -> None:
        self.fault = fault
        self._end("failed", output, error=errors.in_stream(fault, self._client))

    def _end(self, status: str, output: list[Json], **fields: Any) -> None:
        self.response = {**self.response, "status": status, "output": output, "usage": self.usage, **fields}
        self.stream.write(f"response.{status}", {}, response=self.response)
        self.ended = True
