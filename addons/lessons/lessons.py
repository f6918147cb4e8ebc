"""What refusals taught of the dialects of upstreams, for each provider and model: known from then on, for some days.

    endpoint = lessons.applied(endpoint)                        # before the first attempt
    again = lessons.proposed(endpoint, conversion.lesson, tried)   # after a refusal: the same endpoint, otherwise spoken to
    lessons.confirm(endpoint)                                   # it answered: what was proposed is kept

A lesson stands beside what the configuration said when it was learned: a user who changes that flag has the last word.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Protocol

from addons.routing.endpoint import ProviderEndpoint
from converters import jsontext
from converters.dialect import Dialect, DialectChange
from converters.jsontext import Json

TABLE = "lessons"
LONGEST_SECONDS = 7 * 86_400.0
"""After so long what was refused is tried anew: providers learn, too."""

MOST_KEPT = 500
_MOST_PROPOSED = 200


class Store(Protocol):
    """As much of a state store as is needed here."""

    def load(self, table: str) -> Mapping[str, Json]: ...
    def put(self, table: str, key: str, value: Json | None) -> None: ...


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
    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._kept: dict[tuple[str, str], dict[str, Lesson]] = {}
        self._proposed: dict[Flag, Lesson] = {}
        self.absorb(store.load(TABLE))

    def absorb(self, rows: Mapping[str, Json | None]) -> None:
        """Takes over what is stored, or what another proxy stored; a row that is none of ours is passed over."""
        for key, row in rows.items():
            if (flag := _flag(key)) is None:
                continue
            if (lesson := _lesson(row)) is not None:
                self._kept.setdefault(flag[:2], {})[flag.name] = lesson
            else:
                self._forget(flag, stored=row is not None)
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

    def proposed(
        self, endpoint: ProviderEndpoint, change: DialectChange, tried: Iterable[ProviderEndpoint] = ()
    ) -> ProviderEndpoint | None:
        """The endpoint to try after it refused a request; None where it was already tried so in this exchange."""
        try:
            changed = _changed(endpoint, endpoint.upstream.dialect.changed(change))
        except ValueError:
            return None
        if any(_same(changed, other) for other in tried):
            return None
        flag = _flag_of(endpoint, change.flag)
        before = self._proposed.pop(flag, None) or self._of(endpoint).get(change.flag)
        configured = before.configured if before else _value(endpoint.upstream.dialect, change.flag)
        value = _value(changed.upstream.dialect, change.flag)
        lesson = Lesson(endpoint.upstream.protocol, value, configured, change.reason, self._clock())
        self._proposed[flag] = lesson
        while len(self._proposed) > _MOST_PROPOSED:
            del self._proposed[next(iter(self._proposed))]
        return changed

    def confirm(self, endpoint: ProviderEndpoint) -> tuple[str, ...]:
        """It answered: keeps what was proposed for it. The new lessons, for a person."""
        if not self._proposed:
            return ()
        upstream = endpoint.upstream
        found = [
            (flag, lesson)
            for flag, lesson in self._proposed.items()
            if flag[:2] == (upstream.provider_name, upstream.model)
            and lesson.protocol == upstream.protocol
            and _value(upstream.dialect, flag.name) == lesson.value
        ]
        for flag, lesson in found:
            del self._proposed[flag]
            self._kept.setdefault(flag[:2], {})[flag.name] = lesson
            self._store.put(TABLE, flag.key, asdict(lesson))
        self._drop_surplus()
        return tuple(_words(flag, lesson) for flag, lesson in found)

    def show(self) -> list[str]:
        """A line for each lesson."""
        now = self._clock()
        return [
            f"{_words(flag, lesson)} {_days(now - lesson.learned)} ago"
            for flag, lesson in sorted(self._all())
            if now - lesson.learned < LONGEST_SECONDS
        ]

    def clear(self, provider: str = "") -> int:
        """Forgets all, or all of one provider, and says how many there were."""
        flags = [flag for flag, _ in self._all() if provider in ("", flag.provider)]
        for flag in flags:
            self._forget(flag)
        self._proposed.clear()
        return len(flags)

    def _of(self, endpoint: ProviderEndpoint) -> dict[str, Lesson]:
        return self._kept.get((endpoint.upstream.provider_name, endpoint.upstream.model), {})

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


def _changed(endpoint: ProviderEndpoint, dialect: Dialect) -> ProviderEndpoint:
    return replace(endpoint, upstream=replace(endpoint.upstream, dialect=dialect))


def _same(endpoint: ProviderEndpoint, other: ProviderEndpoint) -> bool:
    return endpoint.upstream == other.upstream and endpoint.base_url == other.base_url


def _value(dialect: Dialect, name: str) -> Any:
    """A flag's value as JSON holds it."""
    return dialect.model_dump(mode="json", include={name}).get(name)


def _flag_of(endpoint: ProviderEndpoint, name: str) -> Flag:
    return Flag(endpoint.upstream.provider_name, endpoint.upstream.model, name)


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


def _lesson(row: Json | None) -> Lesson | None:
    match row:
        case {
            "protocol": str(protocol),
            "value": value,
            "configured": configured,
            "reason": str(reason),
            "learned": int() | float() as learned,
        }:
            return Lesson(protocol, value, configured, reason, float(learned))
        case _:
            return None


def _words(flag: Flag, lesson: Lesson) -> str:
    value = jsontext.dumps(lesson.value).decode()
    return f"{flag.provider} {flag.model}: {flag.name} = {value} ({lesson.reason})"


def _days(seconds: float) -> str:
    hours = int(seconds // 3600)
    return f"{hours // 24} d" if hours >= 48 else f"{hours} h"
