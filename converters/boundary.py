"""The boundary to bytes that we do not own: nothing raises out of an exchange, whatever the upstream sends.

A surprise, which is a mistake of ours, ends the answer as any failure does. Where even that cannot be told, the client
reads words that need nothing of the exchange: it never waits for an end that does not come.
"""

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from converters import errors
from converters.errors import Answer, Fault
from converters.jsontext import Json
from converters.losses import Losses

UNTOLD = Fault("server", "The provider's answer could not be converted.", 502)
_LAST_RECORD = errors.terminal_event(UNTOLD, "codex")
_LAST_ANSWER = errors.answer(UNTOLD, "other")


class Exchange(ABC):
    """What all exchanges offer. `path` follows the provider's base address; `stream` is what the client asked for."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    losses: Losses
    stream: bool
    who: str
    progress: int = 0
    """Grows with each piece of the answer that says something; comments and pings do not."""
    surprise: str = ""
    """What should not have happened, and where: for whoever mends it, and never for the client. Holds no value."""
    thinks: bool = True
    """The question holds earlier thinking, as far as there was any."""
    _untold = False

    @property
    def fault(self) -> Fault | None:
        """Why the answer failed, once it came to its end."""
        return UNTOLD if self._untold else self._fault

    @property
    def ended(self) -> bool:
        """The answer failed, and its end was told: what still comes is not needed."""
        return self._untold or self._failed

    @property
    @abstractmethod
    def usage(self) -> Json | None:
        """The tokens that the upstream counted, in the form of a Responses answer; None as long as it said nothing."""

    def feed(self, data: bytes) -> list[bytes]:
        """What the client reads now, for these bytes of the upstream's 200 answer, freed from content encoding."""
        return self._told(self._feed, data)

    def close(self) -> list[bytes]:
        """The upstream's answer came to its end."""
        return self._told(self._close)

    def fail(self, fault: Fault) -> list[bytes]:
        """The answer breaks off; nothing if it had come to its end."""
        return self._told(self._fail, fault)

    def whole(self) -> Answer:
        """The answer for a client that asked for no stream, after `close` or `fail`."""
        return self._answered(self._whole)

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """What the client is told when the upstream answered with an error."""
        return self._answered(self._refused, status, headers, body)

    def blames_thinking(self, status: int, body: bytes) -> bool:
        """Whether the upstream refused the question for its earlier thinking, so that one without may be taken."""
        return self.thinks and errors.blames_thinking(status, body)

    def keepalive(self) -> list[bytes]:
        """A record that says nothing but counts as life: Codex counts any data line, and no comment."""
        return [b'event: keepalive\ndata: {"type":"keepalive"}\n\n'] if self.stream else []

    # --- what each exchange does, and what comes of a surprise in it ---

    @property
    @abstractmethod
    def _fault(self) -> Fault | None: ...

    @property
    @abstractmethod
    def _failed(self) -> bool: ...

    @abstractmethod
    def _feed(self, data: bytes) -> list[bytes]: ...

    @abstractmethod
    def _close(self) -> list[bytes]: ...

    @abstractmethod
    def _fail(self, fault: Fault) -> list[bytes]: ...

    @abstractmethod
    def _whole(self) -> Answer: ...

    @abstractmethod
    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer: ...

    def _told[**P](self, tell: Callable[P, list[bytes]], *args: P.args, **kwargs: P.kwargs) -> list[bytes]:
        if self._untold:
            return []
        try:
            return tell(*args, **kwargs)
        except Exception as error:
            self.surprise = _placed(error)
        try:
            return self._fail(Fault("server", f"{self.who} sent an answer that could not be read"))
        except Exception:  # its own words fail it, too
            self._untold = True
            return [_LAST_RECORD] if self.stream else []

    def _answered[**P](self, answer: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
        if self._untold:
            return _LAST_ANSWER
        try:
            return answer(*args, **kwargs)
        except Exception as error:
            self.surprise, self._untold = _placed(error), True
            return _LAST_ANSWER


def _placed(error: Exception) -> str:
    """The kind of an error and the lines that led there; its words may be the user's own."""
    steps = traceback.extract_tb(error.__traceback__)[-_MOST_STEPS:]
    lines = [f"{step.filename.rpartition('/')[2]}:{step.lineno}" for step in reversed(steps)]
    return f"{type(error).__name__} in {' < '.join(lines)}"


_MOST_STEPS = 6


def too_long(who: str, what: str, limit: int | None) -> Fault:
    """Not worth another try: the limit would be the same."""
    size = f"{(limit or 0) / 2**20:g} MiB"
    return Fault("bad_request", f"{who} sent {what} of more than {size} (option event_limit)", 502)
