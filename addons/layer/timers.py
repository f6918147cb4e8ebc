"""Wake-ups: an upstream that is silent for too long is given up, a client that waits is kept alive."""

import math
import time
from abc import abstractmethod

from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import CommandGenerator
from mitmproxy.proxy.layers.http import GetHttpConnection

from addons.exchange.hooks import NextAttemptHook
from addons.layer.attempt import RunningAttempt
from addons.layer.client_stream import ClientStream
from converters.errors import Kind

_KILL_SECONDS = 1.0
"""How often to look whether a user killed the client's flow, where nothing else would tell."""


class TimedStream(ClientStream):
    _attempt: RunningAttempt | None = None  # in progress
    _connecting: GetHttpConnection | None = None
    _connect_timed_out = False  # connecting took too long
    _wakeup: commands.RequestWakeup | None = None  # the wake-up that counts: mitmproxy cannot call one off
    _wakeup_due = 0.0  # when it comes

    @abstractmethod
    def _conclude(
        self, attempt: RunningAttempt, last_chunks: list[bytes], error: str | None = None
    ) -> CommandGenerator[None]: ...

    @abstractmethod
    def _fail_upstream(self, kind: Kind, what: str, status: int | None = None) -> CommandGenerator[None]: ...

    @abstractmethod
    def _send_to_client(self, attempt: RunningAttempt, chunks: list[bytes]) -> CommandGenerator[None]: ...

    def arm(self, attempt: RunningAttempt) -> CommandGenerator[None]:
        """Wakes us when a limit may be reached: bytes only note the time, what that means is seen then.

        To be called when a limit begins that may be nearer. At least once in `quiet`, since a wake-up that is on its
        way keeps this stream in memory, and once in `idle`, which begins with a byte that wakes nobody.
        """
        limits = (self.exchange.quiet, attempt.record.limits.idle or math.inf, self._quiet_left(), attempt.clock.left)
        yield from self._schedule_wakeup(max(0.0, min(limits)))

    def await_end(self, attempt: RunningAttempt) -> CommandGenerator[None]:
        """The response has ended, its message not yet."""
        attempt.clock.ended()
        yield from self.arm(attempt)

    def _schedule_wakeup(self, seconds: float) -> CommandGenerator[None]:
        due = time.monotonic() + seconds
        if self._wakeup is None or due < self._wakeup_due:
            self._wakeup_due, self._wakeup = due, commands.RequestWakeup(seconds)
            yield self._wakeup

    def _quiet_left(self) -> float:
        return self.last_write + self.exchange.quiet - time.monotonic() if self.head_sent else math.inf

    def _head_is_due(self) -> bool:
        """Whether the client would give up before it has read the head, if it still had to wait for content."""
        patience = self.exchange.head_patience
        return patience is not None and time.monotonic() - self._opened_at >= patience

    def woken(self, event: events.Wakeup) -> CommandGenerator[None]:
        attempt = self._attempt
        if not self._is_current(event) or attempt is None:
            return
        if attempt.clock.left <= 0:
            if attempt.conversion.ended:
                yield from self._conclude(attempt, [])
            else:
                yield from self._fail_upstream("timeout", attempt.clock.overdue)
            return
        if not self.head_sent and self._head_is_due():
            yield from self._send_to_client(attempt, attempt.conversion.commit())
            if self._attempt is not attempt:  # the client left in a hook
                return
        if self._quiet_left() <= 0:
            yield from self._send_to_client(attempt, attempt.conversion.keepalive())
            self.last_write = time.monotonic()  # also if there was nothing to send
        yield from self.arm(attempt)

    def look_for_a_kill(self) -> CommandGenerator[None]:
        """`next_attempt` may wait for long, and that a user kills the client's flow is told by no event."""
        yield from self._schedule_wakeup(_KILL_SECONDS)

    def woken_while_blocked(self, event: events.Wakeup) -> CommandGenerator[None]:
        """A hook may take its time; a connection may not, and mitmproxy knows no limit for it."""
        if not self._is_current(event):
            return
        if (attempt := self._attempt) is None:
            yield from self._woken_between_attempts()
        elif self._connecting is None:
            yield from self._schedule_wakeup(self.exchange.quiet)
        elif attempt.clock.left > 0:
            yield from self.arm(attempt)
        else:
            self._connect_timed_out = True
            servers = self._http.waiting_for_establishment.items()
            yield from [commands.CloseConnection(server) for server, waiting in servers if self._connecting in waiting]

    def _woken_between_attempts(self) -> CommandGenerator[None]:
        if self._paused is None or not isinstance(self._paused.command, NextAttemptHook):
            return
        if self.is_killed:
            self.note_client_left()
        else:
            yield from self.look_for_a_kill()

    def _is_current(self, event: events.Wakeup) -> bool:
        if event.command is not self._wakeup:
            return False
        self._wakeup = None
        return True
