"""One record of cool-downs and averages; what follows from several is in test_health.py."""

import math
from typing import get_args

import pytest

from addons.health.cool_downs import LONGEST
from addons.health.record import PROBE_SECONDS, Record, Use
from addons.routing.account import Account
from converters.errors import Kind
from converters.jsontext import Json

NOW = 1000.0


def use(number: int) -> Use:
    return Use(Account("acme"), NOW, number)


def test_the_states_of_a_cool_down() -> None:
    record, probe = Record(), use(2)
    states = [record.state(NOW)]
    record.fail("server", None, use(1), NOW, latest=1)
    states += [record.state(NOW + 4.9), record.state(NOW + 5)]
    record.begin(probe, NOW + 5)
    states.append(record.state(NOW + 5))
    record.end(probe, NOW)
    states.append(record.state(NOW + 6))
    record.succeed(probe, None)
    states.append(record.state(NOW + 6))
    assert states == ["ok", "cooling", "due", "probing", "due", "ok"]


def test_it_is_available_when_its_cool_down_or_its_probe_is_over() -> None:
    record, probe = Record(), use(2)
    assert record.available_at(NOW) == 0
    record.fail("server", None, use(1), NOW, latest=1)
    assert record.available_at(NOW) == record.available_at(NOW + 100) == NOW + 5
    probe.began = NOW + 100
    record.begin(probe, NOW + 100)
    assert record.available_at(NOW + 101) == NOW + 100 + PROBE_SECONDS


def test_a_row_gives_the_same_record() -> None:
    record, again = Record(), Record()
    record.succeed(use(1), 2.5)
    record.fail("auth", None, use(2), NOW, latest=2)
    assert record.row()["until"] is None, "JSON has no infinity"
    assert again.take(record.row(), latest=0)
    assert again.row() == record.row()
    assert again.available_at(NOW) == math.inf


@pytest.mark.parametrize("reason", sorted(set(get_args(Kind.__value__)) - {"auth"}))
def test_only_a_key_that_is_refused_is_parked_by_a_row(reason: Kind) -> None:
    record = Record()
    record.take({"reason": reason, "since": NOW, "until": None}, latest=0)
    assert record.available_at(NOW + LONGEST) <= NOW + LONGEST


@pytest.mark.parametrize("since", [-1e308, 0.0, NOW, 1e308])
@pytest.mark.parametrize("until", [-1e308, 0.0, NOW + 1, 1e308])
def test_a_wild_row_never_keeps_anybody_away_for_long(since: float, until: float) -> None:
    record = Record()
    assert record.take({"reason": "server", "since": since, "until": until, "used": 1e308}, latest=0)
    assert record.available_at(NOW) <= NOW + LONGEST
    assert record.uses(NOW) == 0


def test_an_attempt_under_way_does_not_end_what_another_proxy_learned() -> None:
    record = Record()
    assert record.take({"reason": "server", "since": NOW, "until": NOW + 5, "failures": 1}, latest=7)
    record.succeed(use(7), None)
    assert record.state(NOW) == "cooling"
    record.succeed(use(8), None)
    assert record.state(NOW) == "ok"


@pytest.mark.parametrize(
    "row",
    [
        {"success_rate": 2},
        {"success_rate": "much"},
        {"first_byte": -1},
        {"first_byte": math.inf},
        {"failures": 10**6},
        {"reason": "earthquake"},
        {"reason": ["server"]},
        {"until": math.nan},
        {"used": None},
    ],
)
def test_a_row_of_another_form_changes_nothing(row: Json) -> None:
    record = Record()
    assert not record.take(row, latest=0)
    assert record.row() == Record().row()
