"""What all proxies of a fleet have used of their limits, counted in Redis (or Valkey) by one script.

A proxy says again and again that it lives: the slots of one that has died are free within half a minute. Where Redis is
away, each proxy counts alone, as if the limits were its own; what was used meanwhile is told when Redis is there again.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson

from addons.rate_limits.counters import Lack, LocalCounters
from addons.rate_limits.scope import Scope
from addons.runtime.printable import printable
from addons.state import redis_client
from addons.state.store import MemoryStore

logger = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_suffix(".lua").read_text()
_PREFIX = "transcodex:"
_SIGN_OF_LIFE = f"{_PREFIX}proxy:"

_ALIVE_SECONDS = 30.0
_BEAT_SECONDS = 10.0
_ANSWER_SECONDS = 1.0
_RETRY_SECONDS = (1.0, 30.0)


class _Untold(NamedTuple):
    """What Redis is to give back of one scope: negative where it was used."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0

    def plus(self, other: "_Untold") -> "_Untold":
        return _Untold(self.requests + other.requests, self.tokens + other.tokens, self.usd + other.usd)


_NOTHING = _Untold()


class RedisCounters:
    """`Counters` that several proxies share. To be used in one event loop."""

    def __init__(self, url: str) -> None:
        """Raises ValueError, which does not hold the address: it is none, or the package redis is missing."""
        self._client = redis_client.for_event_loop(url, _ANSWER_SECONDS)
        self._script = self._client.register_script(_SCRIPT)
        self._proxy = secrets.token_hex(8)
        self._alone = LocalCounters(MemoryStore())
        """Counts this proxy's part, for when it must do without the others."""

        self._held: Counter[str] = Counter()
        """Slots, by the scope's name."""

        self._scopes: dict[str, Scope] = {}
        """The latest of each name."""

        self._untold: dict[str, _Untold] = {}
        self._asking = asyncio.Lock()
        self._changed = asyncio.Event()
        self._teller: asyncio.Task[None] | None = None
        self._pause = _RETRY_SECONDS[0]
        self._away_until: float | None = None
        """By the loop's clock; None while Redis answers."""

    async def take(self, scopes: Sequence[Scope], tokens: int) -> list[Lack]:
        lacks = await self._taken(scopes, tokens)
        if lacks is None:
            return await self._take_alone(scopes, tokens)
        if not lacks:
            self._alone.record(scopes, tokens)
        return lacks

    def give_back(self, scopes: Sequence[Scope], requests: int, tokens: int, usd: float) -> None:
        self._alone.give_back(scopes, requests, tokens, usd)
        self._held -= Counter(scope.name for scope in scopes)
        self._remember(scopes, requests, tokens, usd)

    async def close(self) -> None:
        """Frees what this proxy holds."""
        if self._teller:
            self._teller.cancel()
        self._held.clear()
        with suppress(Exception):
            await self._ask([], 0, takes=False)
            await self._client.delete(_SIGN_OF_LIFE + self._proxy)
        with suppress(Exception):
            await self._client.aclose()

    async def _taken(self, scopes: Sequence[Scope], tokens: int) -> list[Lack] | None:
        """What lacks; nothing where it was taken, None where Redis cannot say."""
        if self._away_until is not None and asyncio.get_running_loop().time() < self._away_until:
            return None
        try:
            lacks = await self._ask(scopes, tokens, takes=True)
        except Exception as error:  # the limits must not end a request; what answers there may say anything
            self._went_away(error)
            return None
        self._keep_telling()
        return lacks

    async def _take_alone(self, scopes: Sequence[Scope], tokens: int) -> list[Lack]:
        if lacks := await self._alone.take(scopes, tokens):
            return lacks
        self._held.update(scope.name for scope in scopes)
        self._remember(scopes, -1, -tokens, 0.0)
        return []

    # --- what Redis is told ---

    def _remember(self, scopes: Sequence[Scope], requests: int, tokens: int, usd: float) -> None:
        for scope in scopes:
            self._scopes[scope.name] = scope
            self._untold[scope.name] = self._untold.get(scope.name, _NOTHING).plus(_Untold(requests, tokens, usd))
        self._keep_telling()
        self._changed.set()

    def _keep_telling(self) -> None:
        if self._teller is None or self._teller.done():
            self._teller = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        """What has ended, at once; and that this proxy lives, as long as it holds anything."""
        while self._untold or self._held:
            self._changed.clear()
            try:
                await self._ask([], 0, takes=False)
                seconds = _BEAT_SECONDS
            except Exception as error:  # it must live
                self._went_away(error)
                seconds = self._pause
            if self._away_until is not None:
                await asyncio.sleep(seconds)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._changed.wait()

    async def _ask(self, scopes: Sequence[Scope], tokens: int, *, takes: bool) -> list[Lack]:
        """One at a time, so that what Redis hears last is what is so.

        With a request it is told of its scopes; without one of all, since it may have forgotten what it was told.
        """
        async with self._asking:
            names = [scope.name for scope in scopes] if takes else list(self._held.keys() | self._untold.keys())
            self._scopes |= {scope.name: scope for scope in scopes}
            told = {name: self._untold.pop(name, _NOTHING) for name in names}
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    answer = await self._script(*self._request(told, tokens, takes=takes))
                found = orjson.loads(answer)
                lacks = [self._lack(names[number - 1], limit, seconds) for number, limit, seconds in found]
            except BaseException:
                for name, untold in told.items():
                    self._untold[name] = untold.plus(self._untold.get(name, _NOTHING))
                raise
            if takes and not lacks:
                self._held.update(names)
            self._forget_scopes()
        self._is_back()
        return lacks

    def _request(self, told: dict[str, _Untold], tokens: int, *, takes: bool) -> tuple[list[str], list[bytes]]:
        scopes = [
            {"limits": self._scopes[name].limits.model_dump(exclude_none=True), "held": self._held[name]}
            | untold._asdict()
            for name, untold in told.items()
        ]
        proxy = {"proxy": self._proxy, "sign_of_life": _SIGN_OF_LIFE, "alive_ms": round(_ALIVE_SECONDS * 1000)}
        keys = [f"{_PREFIX}{kind}:{name}" for name in told for kind in ("used", "slots")]
        request = proxy | {"takes": takes, "tokens": tokens, "scopes": scopes}
        return [_SIGN_OF_LIFE + self._proxy, *keys], [orjson.dumps(request)]

    def _lack(self, name: str, limit: str, seconds: float) -> Lack:
        return Lack.of(self._scopes[name], limit, seconds if seconds >= 0 else None)

    def _forget_scopes(self) -> None:
        needed = self._held.keys() | self._untold.keys()
        self._scopes = {name: scope for name, scope in self._scopes.items() if name in needed}

    # --- Redis comes and goes ---

    def _went_away(self, error: Exception) -> None:
        if self._away_until is None:
            why = f"{type(error).__name__}: {printable(str(error), 200)}"
            logger.warning("limits: Redis cannot be used, so each proxy counts alone: %s", why)
        self._away_until = asyncio.get_running_loop().time() + self._pause
        self._pause = min(_RETRY_SECONDS[1], self._pause * 2)

    def _is_back(self) -> None:
        if self._away_until is not None:
            logger.warning("limits: Redis can be used again")
        self._away_until, self._pause = None, _RETRY_SECONDS[0]
