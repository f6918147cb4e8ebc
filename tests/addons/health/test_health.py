"""Cool-downs, probes, parked keys and averages, by a clock of the test's own."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from addons.health.cool_downs import COOL_DOWNS, LONGEST
from addons.health.health import TABLE, Health
from addons.health.record import PROBE_SECONDS, Use
from addons.routing.account import Account
from addons.state.store import MemoryStore
from converters.errors import Kind

ACME, FIRST, SECOND = Account("acme"), Account("acme", "f1"), Account("acme", "f2")
OTHER = Account("other", "f3")
START = 1_800_000_000.0


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def health(store: MemoryStore, clock: Clock) -> Health:
    return Health(store, clock)


def attempt(health: Health, kind: Kind | None, account: Account = FIRST, retry_after: float | None = None) -> None:
    health.end(health.begin(account), kind, retry_after=retry_after)


def available(health: Health) -> list[Account]:
    return [account for account in (FIRST, SECOND, OTHER) if health.is_available(account)]


def test_it_is_well_until_something_fails_and_again_after_a_success(health: Health, clock: Clock) -> None:
    assert health.is_well(FIRST)
    health.end(health.begin(FIRST), "server")
    clock.now += 60
    assert health.is_available(FIRST) and not health.is_well(FIRST)
    health.end(health.begin(FIRST))
    assert health.is_well(FIRST)


def test_what_fails_after_many_days_is_remembered(health: Health, clock: Clock) -> None:
    use = health.begin(OTHER)
    clock.now += 31 * 86_400
    health.end(use, "unreachable")
    health.begin(FIRST)
    assert not health.is_available(OTHER)


def test_whoever_is_unknown_is_available(health: Health) -> None:
    assert available(health) == [FIRST, SECOND, OTHER]
    assert health.cooling() == health.show() == []
    assert (health.first_byte(FIRST), health.success_rate(FIRST), health.uses(FIRST)) == (None, 1.0, 0.0)


def test_a_providers_failure_cools_all_its_keys(health: Health) -> None:
    attempt(health, "server")
    assert available(health) == [OTHER]
    assert health.available_at(SECOND) == START + 5


@pytest.mark.parametrize("kind", ["rate_limited", "quota", "auth"])
def test_a_keys_failure_leaves_the_other_keys(health: Health, kind: Kind) -> None:
    attempt(health, kind)
    assert available(health) == [SECOND, OTHER]


@pytest.mark.parametrize("kind", ["context_overflow", "bad_request", "model_not_found", "content_policy", "empty"])
def test_the_requests_own_fault_cools_nothing(health: Health, store: MemoryStore, kind: Kind) -> None:
    attempt(health, kind)
    assert available(health) == [FIRST, SECOND, OTHER]
    assert health.success_rate(FIRST) == 1.0
    assert store.load(TABLE) == {}


def test_a_client_that_left_says_nothing(health: Health, clock: Clock) -> None:
    health.abandon(health.begin(FIRST))
    assert (available(health), health.in_flight(FIRST)) == ([FIRST, SECOND, OTHER], 0)
    attempt(health, "server")
    clock.now += 5
    health.abandon(health.begin(FIRST))
    assert health.is_available(FIRST), "the next one may probe at once"


def test_cool_downs_grow_and_end(health: Health, clock: Clock) -> None:
    lengths = []
    for _ in range(9):
        attempt(health, "server")
        lengths.append(health.available_at(FIRST) - clock.now)
        clock.now = health.available_at(FIRST)
        assert health.is_available(FIRST)
    assert lengths == [5, 10, 20, 40, 80, 160, 320, 600, 600]


def test_each_cool_down_that_begins_is_counted_by_its_provider(health: Health, clock: Clock) -> None:
    for account, kind in ((FIRST, "rate_limited"), (FIRST, "rate_limited"), (SECOND, "auth"), (OTHER, "bad_request")):
        attempt(health, kind, account)
    assert health.cool_downs_begun == {"acme": 2}
    clock.now = health.available_at(FIRST)
    attempt(health, "server")
    assert health.cool_downs_begun == {"acme": 3}


def test_the_first_success_clears_everything(health: Health, clock: Clock) -> None:
    for _ in range(4):
        attempt(health, "overloaded")
        clock.now = health.available_at(FIRST)
    attempt(health, None)
    assert health.cooling() == []
    attempt(health, "overloaded")
    assert health.available_at(FIRST) == clock.now + 5


def test_a_failure_long_after_a_cool_down_is_the_first_again(health: Health, clock: Clock) -> None:
    for _ in range(4):
        attempt(health, "overloaded")
        clock.now = health.available_at(FIRST)
    clock.now += 3601
    attempt(health, "overloaded")
    assert health.available_at(FIRST) == clock.now + 5


def test_a_named_time_ends_the_cool_down(health: Health, clock: Clock) -> None:
    attempt(health, "rate_limited", retry_after=90)
    clock.now += 89.9
    assert not health.is_available(FIRST)
    clock.now += 0.1
    assert health.is_available(FIRST)


def test_one_attempt_probes_while_the_others_still_see_it_cooling(health: Health, clock: Clock) -> None:
    attempt(health, "server")
    clock.now += 5
    probe = health.begin(FIRST)
    assert [shown.state for shown in health.cooling()] == ["probing"]
    assert available(health) == [OTHER]
    other = health.begin(SECOND)  # of somebody who has no other way
    health.end(other, "bad_request")
    assert available(health) == [OTHER], "it was not the probe that ended"
    health.end(probe)
    assert available(health) == [FIRST, SECOND, OTHER]


def test_a_probe_that_fails_begins_a_longer_cool_down(health: Health, clock: Clock) -> None:
    attempt(health, "server")
    clock.now += 5
    attempt(health, "timeout")
    assert health.available_at(FIRST) == clock.now + 10


def test_a_probe_that_never_ends_expires(health: Health, clock: Clock) -> None:
    attempt(health, "server")
    clock.now += 5
    lost = health.begin(FIRST)
    assert health.available_at(FIRST) == clock.now + PROBE_SECONDS
    clock.now += PROBE_SECONDS
    assert health.is_available(FIRST)
    health.begin(FIRST)
    health.end(lost, "bad_request")
    assert not health.is_available(FIRST), "the second probe is under way"


def test_attempts_that_fail_together_are_one_failure(health: Health, clock: Clock) -> None:
    uses = [health.begin(FIRST) for _ in range(5)]
    for use in uses:
        clock.now += 1
        health.end(use, "server")
    assert health.available_at(FIRST) == START + 1 + 5
    clock.now += 60
    health.end(health.begin(FIRST), "server")
    assert health.available_at(FIRST) == clock.now + 10


def test_who_has_no_other_way_and_asks_all_the_same_makes_it_no_worse(health: Health, clock: Clock) -> None:
    attempt(health, "server")
    for _ in range(4):
        clock.now += 1
        attempt(health, "server")
    assert health.available_at(FIRST) == START + 5


def test_a_later_time_that_the_provider_names_counts_while_it_cools(health: Health) -> None:
    attempt(health, "rate_limited", retry_after=10)
    attempt(health, "rate_limited", retry_after=30)
    attempt(health, "rate_limited", retry_after=20)
    assert health.available_at(FIRST) == START + 30


def test_what_began_before_the_cool_down_does_not_end_it(health: Health, clock: Clock) -> None:
    """Ten answers run, the eleventh request meets the limit of the key: the ends of the ten say nothing of it."""
    early = health.begin(FIRST)
    attempt(health, "rate_limited", retry_after=60)
    health.end(early)
    assert not health.is_available(FIRST)
    attempt(health, None)
    assert health.is_available(FIRST), "but whoever was served since says that it is over"


def test_a_refused_key_is_parked_until_it_changes(health: Health, clock: Clock) -> None:
    attempt(health, "auth", retry_after=1)
    clock.now += 1000 * 86400
    assert health.available_at(FIRST) == math.inf
    (parked,) = health.cooling()
    assert (parked.state, parked.reason, parked.until) == ("parked", "auth", math.inf)
    assert health.is_available(Account("acme", "f1-after-it-was-changed"))


def test_a_parked_key_that_serves_after_all_is_in_use_again(health: Health) -> None:
    attempt(health, "auth")
    attempt(health, None)
    assert health.is_available(FIRST)


def test_a_key_that_cools_can_still_be_parked(health: Health) -> None:
    attempt(health, "rate_limited", retry_after=10)
    attempt(health, "quota")
    assert health.available_at(FIRST) == START + 3600
    attempt(health, "auth")
    assert health.available_at(FIRST) == math.inf


def test_without_a_key_of_ours_refused_credentials_say_nothing(health: Health) -> None:
    attempt(health, "auth", ACME)
    assert health.cooling() == []
    attempt(health, "quota", ACME, retry_after=7200)
    assert health.available_at(ACME) == START + 7200


def test_an_exhausted_quota_is_probed_after_an_hour(health: Health, clock: Clock) -> None:
    attempt(health, "quota")
    clock.now += 3600
    assert [shown.state for shown in health.cooling()] == ["due"]
    assert health.is_available(FIRST)


def test_no_way_is_ever_left_out(health: Health, clock: Clock) -> None:
    attempt(health, "auth", FIRST)
    attempt(health, "rate_limited", SECOND, retry_after=60)
    ways = [("a", FIRST), ("b", SECOND), ("c", OTHER), ("d", Account("new"))]
    assert [name for name, _ in health.ordered(ways, lambda way: way[1])] == ["c", "d", "b", "a"]
    assert health.ordered(ways[:1], lambda way: way[1]) == ways[:1]


def test_uses_are_counted_and_fade(health: Health, clock: Clock) -> None:
    uses = [health.begin(FIRST) for _ in range(4)]
    assert (health.uses(FIRST), health.in_flight(FIRST), health.in_flight(ACME)) == (4, 4, 4)
    assert (health.uses(SECOND), health.in_flight(SECOND)) == (0, 0)
    for use in uses:
        health.end(use)
    clock.now += 600
    assert (health.uses(FIRST), health.in_flight(FIRST)) == (2, 0)


def test_an_attempt_ends_once(health: Health) -> None:
    use, _ = health.begin(FIRST), health.begin(FIRST)
    health.end(use)
    health.end(use, "server")
    health.abandon(use)
    assert (health.in_flight(FIRST), available(health)) == (1, [FIRST, SECOND, OTHER])


def test_the_time_to_the_first_byte_is_an_average_in_which_the_latest_weigh_most(health: Health) -> None:
    health.end(health.begin(FIRST), first_byte_seconds=1.0)
    health.end(health.begin(FIRST), first_byte_seconds=2.0)
    assert health.first_byte(FIRST) == pytest.approx(1.3)
    assert health.first_byte(SECOND) == health.first_byte(FIRST), "what is known of the provider"
    for useless in (-1.0, math.nan, math.inf):
        health.end(health.begin(FIRST), first_byte_seconds=useless)
    assert health.first_byte(FIRST) == pytest.approx(1.3)


def test_the_rate_of_success_follows_the_latest_results(health: Health) -> None:
    attempt(health, "rate_limited")
    assert health.success_rate(FIRST) == pytest.approx(0.9)
    assert health.success_rate(SECOND) == 1.0
    attempt(health, "server", SECOND)
    assert health.success_rate(SECOND) == pytest.approx(0.9)
    for _ in range(100):
        attempt(health, None)
    assert health.success_rate(FIRST) > 0.99


def test_a_reset_forgets_a_provider_or_all(health: Health, store: MemoryStore, clock: Clock) -> None:
    attempt(health, "auth", FIRST)
    attempt(health, "server", OTHER)
    assert health.reset("acme") == [ACME, FIRST]
    assert available(health) == [FIRST, SECOND]
    assert health.reset() == [ACME, FIRST, Account("other"), OTHER]
    assert available(health) == [FIRST, SECOND, OTHER]
    assert store.load(TABLE) == {}
    assert health.reset("unheard-of") == []


def test_a_clock_that_jumps_back_stretches_nothing(health: Health, clock: Clock) -> None:
    attempt(health, "server")
    clock.now -= 86400
    assert health.available_at(FIRST) == clock.now + 5
    clock.now += 5
    health.begin(FIRST)
    clock.now -= 86400
    assert health.available_at(FIRST) <= clock.now + PROBE_SECONDS


def test_a_restart_keeps_what_matters(health: Health, store: MemoryStore, clock: Clock) -> None:
    health.end(health.begin(FIRST), first_byte_seconds=2.0)
    attempt(health, "auth", FIRST)
    attempt(health, "rate_limited", SECOND, retry_after=60)
    attempt(health, "server", OTHER)
    again = Health(store, clock)
    again.restore()
    assert again.cooling() == health.cooling()
    assert again.first_byte(FIRST) == 2.0
    clock.now += 5
    again.end(again.begin(OTHER), "server")
    assert again.available_at(OTHER) == clock.now + 10, "it goes on where it was"


def test_neither_probes_nor_what_is_in_flight_outlive_a_restart(
    health: Health, store: MemoryStore, clock: Clock
) -> None:
    attempt(health, "server")
    clock.now += 5
    health.begin(FIRST)
    again = Health(store, clock)
    again.restore()
    assert (again.is_available(FIRST), again.in_flight(FIRST)) == (True, 0)


def test_a_row_that_is_none_of_ours_is_ignored(clock: Clock) -> None:
    store = MemoryStore()
    good = {"reason": "server", "since": START, "until": START + 5, "failures": 1, "used": START}
    rows = {
        "acme f1": good,
        "other f3": {**good, "reason": "earthquake"},
        "": {"until": "soon"},
        "x ": {"failures": -1},
    }
    for name, row in rows.items():
        store.put(TABLE, name, row)
    health = Health(store, clock)
    health.restore()
    assert [shown.account for shown in health.show()] == [FIRST]


def test_a_restored_cool_down_is_bounded_and_an_old_row_is_forgotten(clock: Clock) -> None:
    store = MemoryStore()
    far = {"reason": "quota", "since": START + 10**8, "until": START + 10**10, "used": START}
    store.put(TABLE, "acme f1", far)
    store.put(TABLE, "acme f2", {"reason": "auth", "used": START - 31 * 86400})
    health = Health(store, clock)
    health.restore()
    assert health.available_at(FIRST) == START + LONGEST
    assert [shown.account for shown in health.show()] == [FIRST]


def test_the_number_of_accounts_is_bounded(health: Health, store: MemoryStore, clock: Clock) -> None:
    kept = health.begin(Account("under way"))
    for number in range(3000):
        clock.now += 1
        attempt(health, "server", Account(f"p{number}"))
    assert len(health.show()) == len(store.load(TABLE)) + 1 == 1000
    assert health.in_flight(Account("under way")) == 1
    health.end(kept)
    clock.now += 31 * 86400
    attempt(health, None, FIRST)
    assert {shown.account.provider for shown in health.show()} == {"acme"}


ACCOUNTS = [ACME, FIRST, SECOND, OTHER]
KINDS: list[Kind | None] = [None, *COOL_DOWNS, "bad_request", "context_overflow"]
SECONDS = st.floats(0, 1e9)


class HealthMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order."""

    under_way = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.store = Clock(), MemoryStore()
        self.health = Health(self.store, self.clock)
        self.open: list[Use] = []
        self.clock_jumped = False

    @rule(target=under_way, account=st.sampled_from(ACCOUNTS))
    def begin(self, account: Account) -> Use:
        before = self.states()
        use = self.health.begin(account)
        self.open.append(use)
        probed = [each for each, state in self.states().items() if state == "probing" and before.get(each) == "due"]
        for each in probed:
            assert not self.health.is_available(each), "one probes, the others still see it cooling"
        assert all(self.states()[each] == state for each, state in before.items() if each not in probed)
        return use

    @rule(use=consumes(under_way), kind=st.sampled_from(KINDS), retry_after=st.none() | SECONDS)
    def end(self, use: Use, kind: Kind | None, retry_after: float | None) -> None:
        before, now = self.states(), self.clock.now
        self.health.end(use, kind, retry_after=retry_after)
        self.open = [each for each in self.open if each is not use]
        if kind not in COOL_DOWNS:
            assert all(state in ("ok", "due") or before[each] == state for each, state in self.states().items())
        elif kind != "auth":
            assert all(
                shown.until <= now + LONGEST + PROBE_SECONDS
                for shown in self.health.cooling()
                if shown.state != "parked"
            )

    @rule(account=st.sampled_from(ACCOUNTS))
    def success_clears_everything(self, account: Account) -> None:
        self.health.end(self.health.begin(account))
        assert self.health.is_available(account)
        assert account not in [shown.account for shown in self.health.cooling()]

    @rule(use=consumes(under_way), account=st.sampled_from(ACCOUNTS))
    def ends_that_were_before_are_harmless(self, use: Use, account: Account) -> None:
        self.health.abandon(use)
        self.open = [each for each in self.open if each is not use]
        before = self.health.show()
        self.health.end(use, "server")
        self.health.abandon(use)
        assert self.health.show() == before

    @rule(seconds=st.floats(-1e6, 1e6) | st.sampled_from([1.0, 5.0, PROBE_SECONDS, 600.0, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        """Not so much in all that anything is forgotten."""
        self.clock.now = min(self.clock.now + seconds, START + 29 * 86_400)
        self.clock_jumped |= seconds < 0

    @rule(target=under_way)
    def restart(self) -> object:
        """A clock that jumped back is followed by what runs, not by what is on the disk."""
        known = [shown for shown in self.health.cooling() if shown.state != "probing"]
        self.health = Health(self.store, self.clock)
        self.health.restore()
        self.open.clear()
        again = {shown.account: shown for shown in self.health.cooling()}
        for shown in known:
            restored = again[shown.account]
            assert restored.reason == shown.reason
            assert self.clock_jumped or (restored.state, restored.until) == (shown.state, shown.until)
        return multiple()

    @rule(accounts=st.lists(st.sampled_from(ACCOUNTS)))
    def no_way_is_left_out(self, accounts: list[Account]) -> None:
        ordered = self.health.ordered(accounts, lambda account: account)
        assert sorted(ordered) == sorted(accounts)
        flags = [self.health.is_available(account) for account in ordered]
        assert flags == sorted(flags, reverse=True)

    @invariant()
    def a_cool_down_ends(self) -> None:
        now = self.clock.now
        for shown in self.health.cooling():
            assert shown.until <= now + LONGEST or shown.state == "parked"
            assert (shown.state == "parked") == math.isinf(shown.until)
            assert shown.reason in COOL_DOWNS

    @invariant()
    def what_is_in_flight_is_counted(self) -> None:
        for account in ACCOUNTS:
            paid = [use for use in self.open if account == use.account or account == Account(use.account.provider)]
            assert self.health.in_flight(account) == len(paid)

    def states(self) -> dict[Account, str]:
        return {shown.account: shown.state for shown in self.health.show()}


TestHealthMachine = HealthMachine.TestCase


def test_what_another_proxy_put_or_forgot_is_taken_over() -> None:
    store, clock = MemoryStore(), Clock()
    one, other = Health(store, clock), Health(MemoryStore(), clock)
    one.end(one.begin(FIRST), "rate_limited", retry_after=60)
    other.absorb(store.load(TABLE))
    assert not other.is_available(FIRST)
    other.absorb({name: None for name in store.load(TABLE)} | {"never heard of": None, "stranger ": {"until": "x"}})
    assert other.is_available(FIRST)
