"""What refusals taught of the dialects of upstreams, for each provider and model: known from then on, for some days.

    trial = lessons.trial()                                # for one exchange
    endpoint = trial.applied(configured)                   # before each attempt
    if trial.learn(endpoint, conversion.lesson): ...       # refused: the same endpoint may be tried once more
    trial.confirm(endpoint)                                # it answered: what was learned in this exchange is kept

A lesson stands beside what the configuration said when it was learned: a user who changes that flag has the last word.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from addons.routing.endpoint import ProviderEndpoint
from addons.state.store import StateStore
from converters import jsontext
from converters.dialect import Dialect, DialectChange
from converters.jsontext import Json
from converters.protocols import PROTOCOLS, Upstream

type Place = tuple[str, str]
"""A provider and a model."""

TABLE = "lessons"
LONGEST_SECONDS = 7 * 86_400.0
"""After so long what was refused is tried anew: providers learn, too."""

MOST_KEPT = 500
_LATEST = 1e12
"""Seconds since 1970 that nobody means."""


class Flag(NamedTuple):
    """Of what a lesson is."""

    provider: str
    model: str
    name: str

    @property
    def key(self) -> str:
        return jsontext.dumps(list(self)).decode()


@dataclass(frozen=True, slots=True)
class Lesson:
    """`value` is better than `configured`, which the configuration says; `learned` is in seconds since 1970."""

    protocol: str
    value: Any
    configured: Any
    reason: str
    learned: float


class Lessons:
    def __init__(self, store: StateStore, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._kept: dict[Place, dict[str, Lesson]] = {}
        self.restore()

    def restore(self) -> None:
        """Takes over what the store remembers."""
        self.absorb(self._store.load(TABLE))

    def absorb(self, rows: Mapping[str, Json | None]) -> None:
        """Takes over what is stored, or what another proxy stored; a row that is none of ours is passed over."""
        now = self._clock()
        for key, row in rows.items():
            if (flag := _flag(key)) is None:
                continue
            if (lesson := _lesson(flag, row, now)) is not None:
                self._kept.setdefault(flag[:2], {})[flag.name] = lesson
            else:
                self._forget(flag, stored=False)
        self._drop_surplus()

    def applied(self, endpoint: ProviderEndpoint) -> ProviderEndpoint:
        """The endpoint with what was learned of it."""
        for name, lesson in tuple(self._of(endpoint).items()):
            changed = self._with(endpoint, name, lesson)
            if changed is None:
                self._forget(_flag_of(endpoint, name))
            else:
                endpoint = changed
        return endpoint

    def trial(self) -> "Trial":
        return Trial(self)

    def keep(self, configured: ProviderEndpoint, change: DialectChange) -> str:
        """Remembers a lesson of an endpoint. Says it in words for a person."""
        flag, upstream = _flag_of(configured, change.flag), configured.upstream
        value = _value(upstream.dialect.changed(change), change.flag)
        before = _value(upstream.dialect, change.flag)
        lesson = Lesson(upstream.protocol, value, before, change.reason, self._clock())
        self._kept.setdefault(flag[:2], {})[flag.name] = lesson
        self._store.put(TABLE, flag.key, asdict(lesson))
        self._drop_surplus()
        return _words(flag, lesson)

    def show(self) -> list[str]:
        """A line for each lesson."""
        now = self._clock()
        return [
            f"{_words(flag, lesson)}, {_days(now - lesson.learned)} ago"
            for flag, lesson in sorted(self._all())
            if now - lesson.learned < LONGEST_SECONDS
        ]

    def clear(self, provider: str = "") -> int:
        """Forgets all, or all of one provider, and says how many there were."""
        flags = [flag for flag, _ in self._all() if provider in ("", flag.provider)]
        for flag in flags:
            self._forget(flag)
        return len(flags)

    def _of(self, endpoint: ProviderEndpoint) -> dict[str, Lesson]:
        return self._kept.get(_place(endpoint), {})

    def _with(self, endpoint: ProviderEndpoint, name: str, lesson: Lesson) -> ProviderEndpoint | None:
        """None where the lesson holds no longer."""
        upstream = endpoint.upstream
        is_old = self._clock() - lesson.learned >= LONGEST_SECONDS
        if is_old or lesson.protocol != upstream.protocol or _value(upstream.dialect, name) != lesson.configured:
            return None
        try:
            return _changed(endpoint, upstream.dialect.changed(DialectChange(name, lesson.value, lesson.reason)))
        except ValueError:
            return None

    def _all(self) -> Iterator[tuple[Flag, Lesson]]:
        for (provider, model), lessons in self._kept.items():
            for name, lesson in lessons.items():
                yield Flag(provider, model, name), lesson

    def _forget(self, flag: Flag, *, stored: bool = True) -> None:
        lessons = self._kept.get(flag[:2], {})
        lessons.pop(flag.name, None)
        if not lessons:
            self._kept.pop(flag[:2], None)
        if stored:
            self._store.put(TABLE, flag.key, None)

    def _drop_surplus(self) -> None:
        """The oldest go first."""
        by_age = sorted(self._all(), key=lambda found: found[1].learned)
        for flag, _ in by_age[: max(0, len(by_age) - MOST_KEPT)]:
            self._forget(flag)


class Trial:
    """The lessons of one exchange: used at once, and kept when an upstream answers with them."""

    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons
        self._learned: dict[Place, dict[str, DialectChange]] = {}
        self._configured: dict[Place, ProviderEndpoint] = {}
        self._tried: list[Upstream] = []
        self._lines: list[str] = []

    def applied(self, configured: ProviderEndpoint) -> ProviderEndpoint:
        """The endpoint with what is known of it, and what this exchange learned."""
        place = _place(configured)
        self._configured[place] = configured
        endpoint = self._lessons.applied(configured)
        for change in self._learned.get(place, {}).values():
            endpoint = _changed(endpoint, endpoint.upstream.dialect.changed(change))
        return endpoint

    def learn(self, refused: ProviderEndpoint, change: DialectChange) -> bool:
        """Whether an endpoint that refused a request is worth another attempt. Nothing is tried twice, nor undone.

        What this exchange learned before holds, unless it is the same again that was refused.
        """
        try:
            dialect = refused.upstream.dialect.changed(change)
        except ValueError:
            return False
        self._tried.append(refused.upstream)
        if replace(refused.upstream, dialect=dialect) in self._tried:
            return False
        learned = self._learned.setdefault(_place(refused), {})
        self._keep(refused, [earlier for earlier in learned.values() if earlier.reason != change.reason])
        learned[change.flag] = change
        return True

    def confirm(self, answered: ProviderEndpoint) -> list[str]:
        """Keeps what was learned of an endpoint that answered; a line for each lesson of this exchange."""
        self._keep(answered, list(self._learned.get(_place(answered), {}).values()))
        lines, self._lines = self._lines, []
        return lines

    def _keep(self, endpoint: ProviderEndpoint, proven: list[DialectChange]) -> None:
        place = _place(endpoint)
        for change in proven:
            self._lines.append(self._lessons.keep(self._configured.get(place, endpoint), change))
            del self._learned[place][change.flag]


def _changed(endpoint: ProviderEndpoint, dialect: Dialect) -> ProviderEndpoint:
    return replace(endpoint, upstream=replace(endpoint.upstream, dialect=dialect))


def _place(endpoint: ProviderEndpoint) -> Place:
    return endpoint.upstream.provider_name, endpoint.upstream.model


def _value(dialect: Dialect, name: str) -> Any:
    """A flag's value as JSON holds it."""
    return dialect.model_dump(mode="json", include={name}).get(name)


def _flag_of(endpoint: ProviderEndpoint, name: str) -> Flag:
    return Flag(*_place(endpoint), name)


def _flag(key: str) -> Flag | None:
    try:
        value = jsontext.loads(key)
    except ValueError:
        return None
    match value:
        case [str(provider), str(model), str(name)]:
            return Flag(provider, model, name)
        case _:
            return None


def _lesson(flag: Flag, row: Json | None, now: float) -> Lesson | None:
    """None for a row that was never a lesson. What seems to be learned in the future was learned now."""
    match row:
        case {
            "protocol": str(protocol),
            "value": value,
            "configured": configured,
            "reason": str(reason),
            "learned": int() | float() as learned,
        } if protocol in PROTOCOLS and 0 <= learned < _LATEST:
            try:
                before = PROTOCOLS[protocol].dialect.model_validate({flag.name: configured})
                before.changed(DialectChange(flag.name, value, reason))
            except ValueError:
                return None
            return Lesson(protocol, value, configured, reason, min(float(learned), now))
        case _:
            return None


def _words(flag: Flag, lesson: Lesson) -> str:
    value = jsontext.dumps(lesson.value).decode()
    return f"{flag.provider} {flag.model}: {flag.name} = {value} ({lesson.reason})"


def _days(seconds: float) -> str:
    hours = int(seconds // 3600)
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h"
