"""What is learned of upstreams, by a clock of the test's own."""

import math
from dataclasses import dataclass, replace
from typing import Any

import pytest

from addons.lessons import lessons as module
from addons.lessons.lessons import LONGEST_SECONDS, TABLE, Lessons
from addons.routing.endpoint import ProviderEndpoint
from addons.state.store import MemoryStore
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.dialect import DialectChange
from converters.jsontext import Json
from converters.protocols import Upstream

NO_IMAGES = DialectChange("images", False, "images was refused")
NO_STORE = DialectChange("store", False, "store was refused")


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def endpoint(model: str = "m", provider: str = "acme", **flags: Any) -> ProviderEndpoint:
    return ProviderEndpoint(Upstream(provider, "chat", model, ChatDialect(**flags)), "https://acme/v1", "none")


def flags(endpoint: ProviderEndpoint) -> Json:
    return endpoint.upstream.dialect.model_dump(exclude_defaults=True)


def taught(lessons: Lessons, *changes: DialectChange, of: ProviderEndpoint | None = None) -> list[str]:
    """After an exchange whose upstream refused so, and then answered."""
    configured, trial = of or endpoint(), lessons.trial()
    for change in changes:
        assert trial.learn(trial.applied(configured), change)
    return trial.confirm(trial.applied(configured))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def lessons(store: MemoryStore, clock: Clock) -> Lessons:
    return Lessons(store, clock)


def test_a_lesson_holds_for_one_provider_and_model(lessons: Lessons) -> None:
    taught(lessons, NO_IMAGES)
    assert flags(lessons.applied(endpoint())) == {"images": False}
    assert flags(lessons.applied(endpoint("other"))) == {}
    assert flags(lessons.applied(endpoint(provider="other"))) == {}


def test_several_are_learned_one_after_the_other(lessons: Lessons) -> None:
    lines = taught(lessons, NO_IMAGES, DialectChange("drop", ("seed",), "seed was refused"), of=endpoint(store=True))
    assert flags(lessons.applied(endpoint(store=True))) == {"store": True, "images": False, "drop": ("seed",)}
    assert lines == [
        "acme m: images = false (images was refused)",
        'acme m: drop = ["seed"] (seed was refused)',
    ]


def test_what_was_not_answered_is_not_kept(lessons: Lessons) -> None:
    trial = lessons.trial()
    assert trial.learn(trial.applied(endpoint()), NO_IMAGES)
    assert flags(trial.applied(endpoint())) == {"images": False}
    assert flags(lessons.trial().applied(endpoint())) == {}


def test_what_was_not_refused_again_is_kept_though_the_exchange_failed(lessons: Lessons) -> None:
    """Else an upstream that refuses more than there are attempts would never be learned."""
    trial, configured = lessons.trial(), endpoint(store=True)
    for change in (NO_IMAGES, NO_STORE, DialectChange("drop", ("a",), "a"), DialectChange("drop", ("a", "b"), "b")):
        assert trial.learn(trial.applied(configured), change)
    assert flags(lessons.applied(configured)) == {"images": False, "drop": ("a",)}
    assert flags(trial.applied(configured)) == {"images": False, "drop": ("a", "b")}


def test_what_was_refused_again_is_not_kept(lessons: Lessons) -> None:
    trial = lessons.trial()
    for form in ("json_object", "prompt"):
        assert trial.learn(trial.applied(endpoint()), DialectChange("response_format", form, "this form was refused"))
    assert lessons.show() == []


def test_nothing_is_tried_twice_nor_undone(lessons: Lessons) -> None:
    """A host that refuses both of two is not asked in turns."""
    trial, configured = lessons.trial(), endpoint()
    assert trial.learn(trial.applied(configured), DialectChange("max_tokens_field", "max_completion_tokens", ""))
    assert not trial.learn(trial.applied(configured), DialectChange("max_tokens_field", "max_tokens", ""))
    assert not trial.learn(trial.applied(configured), DialectChange("max_tokens_field", "max_completion_tokens", ""))


@pytest.mark.parametrize("change", [DialectChange("extra_body", {"a": 1}, ""), DialectChange("drop", ("tools",), "")])
def test_what_may_not_be_learned_is_not(lessons: Lessons, change: DialectChange) -> None:
    assert not lessons.trial().learn(endpoint(), change)


def test_a_lesson_ends_after_some_days(lessons: Lessons, clock: Clock, store: MemoryStore) -> None:
    taught(lessons, NO_IMAGES)
    clock.now += LONGEST_SECONDS - 1
    assert flags(lessons.applied(endpoint())) == {"images": False}
    clock.now += 1
    assert lessons.show() == []
    assert flags(lessons.applied(endpoint())) == {}
    assert store.load(TABLE) == {}


def test_a_user_who_changes_the_flag_has_the_last_word(lessons: Lessons, store: MemoryStore) -> None:
    taught(lessons, DialectChange("effort", "none", ""), of=endpoint(effort="reasoning_effort"))
    assert flags(lessons.applied(endpoint(effort="thinking"))) == {"effort": "thinking"}
    assert store.load(TABLE) == {}


def test_a_user_who_changes_another_flag_keeps_it(lessons: Lessons) -> None:
    taught(lessons, NO_IMAGES)
    assert flags(lessons.applied(endpoint(store=True))) == {"images": False, "store": True}


def test_a_weaker_form_replaces_one_that_was_learned_before(lessons: Lessons) -> None:
    for form in ("json_object", "prompt"):
        taught(lessons, DialectChange("response_format", form, ""))
    assert flags(lessons.applied(endpoint())) == {"response_format": "prompt"}
    assert len(lessons.show()) == 1


def test_a_restart_forgets_nothing(lessons: Lessons, store: MemoryStore, clock: Clock) -> None:
    taught(lessons, NO_IMAGES)
    assert flags(Lessons(store, clock).applied(endpoint())) == {"images": False}


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"protocol": "chat", "value": "perhaps", "configured": True, "reason": "", "learned": 1_800_000_000.0},
        {"protocol": "anthropic", "value": False, "configured": True, "reason": "", "learned": 1_800_000_000.0},
        {"protocol": "chat", "value": False, "configured": True, "reason": 5, "learned": 1_800_000_000.0},
    ],
)
def test_a_row_that_does_not_fit_is_passed_over(store: MemoryStore, clock: Clock, row: Json) -> None:
    taught(Lessons(store, clock), NO_IMAGES)
    for key in (*store.load(TABLE), "5", "no json", '["a"]'):
        store.put(TABLE, key, row)
    assert flags(Lessons(store, clock).applied(endpoint())) == {}


def test_a_stored_flag_that_only_a_user_sets_is_passed_over(store: MemoryStore, clock: Clock) -> None:
    row = {"protocol": "chat", "value": {"a": 1}, "configured": {}, "reason": "", "learned": clock.now}
    store.put(TABLE, '["acme","m","extra_body"]', row)
    assert flags(Lessons(store, clock).applied(endpoint())) == {}


def row(**fields: Any) -> Json:
    return {"protocol": "chat", "value": False, "configured": True, "reason": "", "learned": 1.0, **fields}


@pytest.mark.parametrize("learned", [math.nan, math.inf, -1.0, 1e308, pytest.param(10**400, id="huge"), "now", None])
def test_a_stored_lesson_of_no_time_is_passed_over(store: MemoryStore, clock: Clock, learned: Any) -> None:
    store.put(TABLE, '["acme","m","images"]', row(learned=learned))
    lessons = Lessons(store, clock)
    assert flags(lessons.applied(endpoint())) == {} and lessons.show() == []


def test_a_clock_that_was_set_back_lets_no_lesson_live_longer(store: MemoryStore, clock: Clock) -> None:
    store.put(TABLE, '["acme","m","images"]', row(learned=clock.now + 100 * LONGEST_SECONDS))
    lessons = Lessons(store, clock)
    clock.now += LONGEST_SECONDS - 1
    assert flags(lessons.applied(endpoint())) == {"images": False}
    clock.now += 1
    assert flags(lessons.applied(endpoint())) == {}


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("flag", "configured", "value"),
    [
        ("refused_tools", [], ["*"]),
        ("drop", [], ["tools"]),
        ("drop", [], ["input"]),
        ("web_search", "drop", "native"),
        ("continue_on_empty", True, False),
        ("max_tokens", None, 1),
        ("max_tokens", None, -5),
        ("base_url", "https://acme/v1", "https://elsewhere/v1"),
        ("images", True, deep(300)),
        ("images", deep(300), False),
    ],
)
def test_a_stored_lesson_that_would_do_harm_is_passed_over(
    store: MemoryStore, clock: Clock, flag: str, configured: Any, value: Any
) -> None:
    store.put(TABLE, f'["acme","m","{flag}"]', row(configured=configured, value=value, learned=clock.now))
    lessons = Lessons(store, clock)
    assert flags(lessons.applied(endpoint())) == {} and lessons.show() == []


def test_another_protocol_of_the_same_model_has_its_own_dialect(lessons: Lessons) -> None:
    taught(lessons, NO_IMAGES)
    upstream = Upstream("acme", "anthropic", "m", AnthropicDialect())
    assert flags(lessons.applied(replace(endpoint(), upstream=upstream))) == {}


def test_what_other_proxies_learn_and_forget_is_taken_over(lessons: Lessons, clock: Clock) -> None:
    others = MemoryStore()
    taught(Lessons(others, clock), NO_IMAGES)
    lessons.absorb(others.load(TABLE))
    assert flags(lessons.applied(endpoint())) == {"images": False}
    lessons.absorb(dict.fromkeys(others.load(TABLE)))
    assert flags(lessons.applied(endpoint())) == {}


def test_there_is_an_end_of_lessons(
    lessons: Lessons, store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    for number in range(5):
        clock.now += 1
        taught(lessons, NO_IMAGES, of=endpoint(f"m{number}"))
    assert [line.split(":")[0] for line in lessons.show()] == ["acme m2", "acme m3", "acme m4"]
    assert len(store.load(TABLE)) == 3


def test_lessons_are_shown_with_their_age_and_forgotten_by_provider(lessons: Lessons, clock: Clock) -> None:
    taught(lessons, NO_IMAGES)
    clock.now += 3 * 86_400
    taught(lessons, NO_STORE, of=endpoint(provider="other", store=True))
    assert lessons.show() == [
        "acme m: images = false (images was refused), 3 d ago",
        "other m: store = false (store was refused), 0 h ago",
    ]
    assert lessons.clear("acme") == 1
    assert lessons.clear("nobody") == 0
    assert lessons.clear() == 1
    assert lessons.show() == []
