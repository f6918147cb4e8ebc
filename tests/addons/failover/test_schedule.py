"""What a failure leads to: the same again, the next key, the next provider, or the end."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.failover.causes import CONSEQUENCES
from addons.failover.schedule import Schedule, Step
from addons.failover.ways import Way, ways
from addons.health.health import Health
from addons.routing.endpoint import ProviderEndpoint
from converters.errors import Fault, Kind
from tests.addons.exchange_simulation import Clock, endpoint

A, B = endpoint("a", "a1", "a2"), endpoint("b")
PATIENCE = 20.0


class Course:
    """A schedule, as one exchange after another uses it."""

    def __init__(self, *endpoints: ProviderEndpoint) -> None:
        self.clock = Clock()
        self.health = Health(clock=self.clock)
        self.endpoints = endpoints
        self.begin()

    def begin(self) -> None:
        self.schedule = Schedule(ways(self.endpoints), self.health, Random(1))

    def step(self, patience: float = PATIENCE) -> Step | None:
        return self.schedule.next(self.clock(), patience)

    def fail(self, kind: Kind, retry_after: int | None = None) -> Step | None:
        """The next step is taken, and fails so; what comes then."""
        step = self.step()
        assert step is not None
        self.clock.now += step.wait
        way = step.ways[0]
        self.schedule.begin(way)
        self.health.end(self.health.begin(way.account), kind, retry_after=retry_after)
        self.schedule.fail(way, Fault(kind, "no", 500, retry_after), self.clock())
        return self.peek()

    def peek(self) -> Step | None:
        again = self.schedule._again
        step = self.step()
        self.schedule._again = again
        return step


def keys(step: Step | None) -> list[str]:
    return [way.key or way.provider for way in step.ways] if step else []


def test_all_ways_are_offered_in_order_and_none_waits() -> None:
    step = Course(A, B).step()
    assert keys(step) == ["a1", "a2", "b"]
    assert step is not None and step.wait == 0


@pytest.mark.parametrize("kind", ["unreachable", "cut", "server", "overloaded"])
def test_what_may_pass_is_tried_twice_more_at_the_same_key_and_then_elsewhere(kind: Kind) -> None:
    course = Course(A, B)
    for bound in (0.5, 1.0):
        step = course.fail(kind)
        assert keys(step)[0] == "a1"
        assert step is not None and 0 < step.wait <= bound
    assert keys(course.fail(kind)) == ["b"]


def test_an_empty_response_is_asked_for_once_more() -> None:
    course = Course(A, B)
    assert keys(course.fail("empty"))[0] == "a1"
    assert keys(course.fail("empty")) == ["b"]


@pytest.mark.parametrize("kind", ["timeout", "bad_request", "model_not_found", "context_overflow"])
def test_what_no_other_key_mends_leads_to_the_next_provider(kind: Kind) -> None:
    course = Course(A, B)
    assert keys(course.fail(kind)) == ["b"]
    assert course.fail(kind) is None


@pytest.mark.parametrize("kind", ["auth", "quota"])
def test_what_is_the_keys_fault_leads_to_the_next_key(kind: Kind) -> None:
    course = Course(A, B)
    assert keys(course.fail(kind)) == ["a2", "b"]
    assert keys(course.fail(kind)) == ["b"]
    assert course.fail(kind) is None


def test_what_nobody_should_answer_ends_at_once() -> None:
    assert Course(A, B).fail("content_policy") is None


def test_a_limited_key_comes_back_after_the_others_when_its_time_has_come() -> None:
    course = Course(A, B)
    assert keys(course.fail("rate_limited", 9)) == ["a2", "b"]
    assert keys(course.fail("rate_limited", 4)) == ["b"]
    step = course.fail("auth")
    assert keys(step) == ["a2"]
    assert step is not None and step.wait == pytest.approx(4)


def test_a_wait_that_is_too_long_is_left_to_the_client() -> None:
    course = Course(endpoint("a"))
    assert course.fail("rate_limited", 60) is None
    assert course.schedule.shortest_wait(course.clock()) == pytest.approx(60)


def test_a_short_wait_that_is_named_is_kept() -> None:
    step = Course(A, B).fail("overloaded", 2)
    assert keys(step)[0] == "a1"
    assert step is not None and step.wait == pytest.approx(2)


def test_others_come_before_a_long_wait_for_who_is_overloaded() -> None:
    course = Course(A, B)
    assert keys(course.fail("overloaded", 9)) == ["b"]
    step = course.fail("bad_request")
    assert step is not None and keys(step) == ["a1", "a2"] and step.wait == pytest.approx(9)


@pytest.mark.parametrize(("context", "expected"), [(100, []), (200, ["b"]), (None, ["b"])])
def test_a_full_context_leads_only_to_larger_ones(context: int | None, expected: list[str]) -> None:
    course = Course(endpoint("a", context=100), endpoint("b", context=context))
    assert keys(course.fail("context_overflow")) == expected


def test_who_cools_comes_last_but_is_asked_at_once() -> None:
    course = Course(A, B)
    course.fail("server")
    course.begin()
    step = course.step()
    assert keys(step) == ["b"], "those who cool are no alternative to one who does not"
    assert keys(course.fail("auth"))[0] == "a1"
    assert (waiting := course.peek()) is not None and waiting.wait == 0


def test_of_those_who_cool_the_one_comes_first_that_is_back_first() -> None:
    course = Course(endpoint("a"), endpoint("b"))
    for name, wait in (("a", 60), ("b", 30)):
        account = next(way.account for way in course.schedule.left if way.provider == name)
        course.health.end(course.health.begin(account), "overloaded", retry_after=wait)
    assert keys(course.step())[0] == "b"


def test_who_cooled_before_is_not_tried_again_for_what_would_have_to_pass() -> None:
    course = Course(endpoint("a"))
    course.fail("server")
    course.begin()
    assert keys(course.step()) == ["a"]
    assert course.fail("server") is None


def test_a_probe_that_fails_is_not_repeated() -> None:
    course = Course(endpoint("a"), B)
    course.fail("server")
    course.clock.now += 60
    course.begin()
    assert keys(course.step()) == ["a", "b"], "its cool-down is over"
    assert keys(course.fail("server")) == ["b"]


def test_what_is_repeated_is_repeated_at_once() -> None:
    course = Course(A, B)
    step = course.step()
    assert step is not None
    course.schedule.repeat(step.ways[1])
    assert keys(course.step())[0] == "a2"


def test_a_provider_that_is_dropped_is_asked_no_more() -> None:
    course = Course(A, B)
    course.schedule.drop("a")
    assert keys(course.step()) == ["b"]


KINDS = st.sampled_from(sorted(CONSEQUENCES))


@given(st.integers(1, 3), st.lists(st.tuples(KINDS, st.none() | st.integers(0, 100)), max_size=12))
def test_the_only_way_is_never_left_out(keys_of_a: int, past: list[tuple[Kind, int | None]]) -> None:
    """Whatever has happened to it, an exchange that begins has somewhere to go, at once."""
    course = Course(endpoint("a", *map(str, range(keys_of_a))))
    for kind, retry_after in past:
        course.begin()
        course.fail(kind, retry_after)
        course.clock.now += 1
    course.begin()
    step = course.step(0.0)
    assert step is not None and step.ways and step.wait == 0


@given(st.lists(st.tuples(KINDS, st.none() | st.integers(0, 30)), min_size=40, max_size=40))
def test_an_exchange_comes_to_an_end_and_asks_nobody_too_often(faults: list[tuple[Kind, int | None]]) -> None:
    course, asked = Course(A, B), list[Way]()
    for kind, retry_after in faults:
        if (step := course.peek()) is None:
            break
        asked.append(step.ways[0])
        course.fail(kind, retry_after)
    assert course.peek() is None
    assert max(map(asked.count, asked)) <= 1 + 2 + 2, "two repeats for the provider's causes, and two for the key's"
