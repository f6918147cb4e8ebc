"""How each provider and each of its keys fares.

A failure counts against the key or against the provider as a whole (`cool_downs.py`), which is left alone for a while
(`record.py`). Nobody is ever left out for it: who cools is merely tried last.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from addons.health.cool_downs import COOL_DOWNS
from addons.health.record import Record, State, Use
from addons.routing.account import Account
from addons.state.store import MemoryStore, StateStore
from converters.errors import Kind
from converters.jsontext import Json

TABLE = "health"

_MOST_ACCOUNTS = 1000
_FORGOTTEN_AFTER = 30 * 86400.0
"""Seconds without use."""

_SAVED_EVERY = 30.0
"""Seconds between successes that are stored: they change averages alone, and no disk should work for each."""


class AccountHealth(NamedTuple):
    """For people. Times are in seconds; `until` is since the epoch, infinite for what is parked."""

    account: Account
    state: State
    until: float
    reason: Kind | None
    success_rate: float
    first_byte: float | None
    in_flight: int


class Health:
    """An account's provider counts with it: an account is available when both are."""

    def __init__(self, store: StateStore | None = None, clock: Callable[[], float] = time.time) -> None:
        self._store: StateStore = MemoryStore() if store is None else store
        self._clock = clock
        self._records: dict[Account, Record] = {}
        self._latest_use = 0
        self.cool_downs_begun: Counter[str] = Counter()
        """By provider, with those of its keys; since the start."""

    def restore(self) -> None:
        """Takes over what the store remembers, in place of what is known of the same accounts."""
        self.absorb(self._store.load(TABLE))

    def absorb(self, rows: Mapping[str, Json | None]) -> None:
        """Takes over rows of the store, which other proxies may have put: None for one that they forgot."""
        now = self._clock()
        for name, row in rows.items():
            record = self._records.get(account := _account(name)) or Record()
            if row is None:
                record.forget()
            elif record.take(row, self._latest_use) and now - record.used < _FORGOTTEN_AFTER:
                self._records[account] = record
        self._make_room(now, _MOST_ACCOUNTS)

    # --- what the next attempt is chosen by ---

    def is_available(self, account: Account) -> bool:
        """False while it cools, is parked, or is being probed by another attempt."""
        return self.available_at(account) <= self._clock()

    def is_well(self, account: Account) -> bool:
        """Whether nothing has failed there since the last success."""
        return all(record.reason is None for record in self._known(account))

    def available_at(self, account: Account) -> float:
        """When it is available, in seconds since the epoch; infinite where it is parked."""
        now = self._clock()
        return max((record.available_at(now) for record in self._known(account)), default=0.0)

    def ordered[Way](self, ways: Iterable[Way], account_of: Callable[[Way], Account]) -> list[Way]:
        """All of them: the available ones as they came, then those that are so soonest."""
        now = self._clock()
        return sorted(ways, key=lambda way: max(now, self.available_at(account_of(way))))

    def uses(self, account: Account) -> float:
        """How much it was used lately."""
        record = self._records.get(account)
        return record.uses(self._clock()) if record else 0.0

    def in_flight(self, account: Account) -> int:
        record = self._records.get(account)
        return record.in_flight if record else 0

    def first_byte(self, account: Account) -> float | None:
        """Seconds on average, of the provider where nothing is known of the key."""
        return next((record.first_byte for record in self._known(account) if record.first_byte is not None), None)

    def success_rate(self, account: Account) -> float:
        return min((record.success_rate for record in self._known(account)), default=1.0)

    # --- what came of an attempt ---

    def begin(self, account: Account) -> Use:
        """To be ended by `end` or `abandon`. Where a cool-down is over, this is its probe."""
        now = self._clock()
        self._latest_use += 1
        records = tuple(self._record(each, now) for each in _both(account))
        use = Use(account, now, self._latest_use, records)
        for record in records:
            record.begin(use, now)
        return use

    def end(
        self,
        use: Use,
        kind: Kind | None = None,
        *,
        retry_after: float | None = None,
        first_byte_seconds: float | None = None,
    ) -> None:
        """What came of it; no kind is success. `retry_after` is in seconds, where the provider names a time.

        Nothing happens when it has ended before.
        """
        if not self._close(use):
            return
        if kind is None:
            self._succeed(use, first_byte_seconds)
        elif rule := COOL_DOWNS.get(kind):
            self._fail(use, kind, Account(use.account.provider) if rule.of == "provider" else use.account, retry_after)

    def abandon(self, use: Use) -> None:
        """It ended without a word on provider and key, as when the client left. Nothing happens after its end."""
        self._close(use)

    def _close(self, use: Use) -> bool:
        if use.ended:
            return False
        use.ended, now = True, self._clock()
        for record in use.records:
            record.end(use, now)
        return True

    def _succeed(self, use: Use, first_byte_seconds: float | None) -> None:
        now = self._clock()
        for account, record in zip(_both(use.account), use.records, strict=True):
            was_well = record.reason is None
            record.succeed(use, first_byte_seconds)
            if not was_well or abs(now - record.saved) >= _SAVED_EVERY:
                self._save(account, record)

    def _fail(self, use: Use, kind: Kind, account: Account, retry_after: float | None) -> None:
        if kind == "auth" and not account.key:
            return  # those are the client's own credentials, and they may be others the next time
        record = use.records[_both(use.account).index(account)]
        if record.fail(kind, retry_after, use, self._clock(), self._latest_use):
            self.cool_downs_begun[account.provider] += 1
        self._save(account, record)

    # --- for people ---

    def show(self) -> list[AccountHealth]:
        """All accounts that are known, by provider."""
        return [self._shown(account, record) for account, record in sorted(self._records.items())]

    def cooling(self) -> list[AccountHealth]:
        """Those among them that are not available, or are only to be probed."""
        return [shown for shown in self.show() if shown.state != "ok"]

    def reset(self, provider: str | None = None) -> list[Account]:
        """Forgets all that failed, and the averages, by default of all providers; returns the accounts."""
        chosen = [account for account in self._records if provider in (None, account.provider)]
        for account in chosen:
            self._records[account].forget()
            self._store.put(TABLE, _name(account), None)
        return sorted(chosen)

    def _shown(self, account: Account, record: Record) -> AccountHealth:
        now = self._clock()
        until = record.available_at(now)
        return AccountHealth(
            account,
            record.state(now),
            until,
            record.reason,
            record.success_rate,
            record.first_byte,
            record.in_flight,
        )

    # --- records ---

    def _known(self, account: Account) -> list[Record]:
        return [record for each in _both(account) if (record := self._records.get(each))]

    def _record(self, account: Account, now: float) -> Record:
        if account not in self._records:
            self._make_room(now, _MOST_ACCOUNTS - 1)
            self._records[account] = Record(used=now)
        return self._records[account]

    def _make_room(self, now: float, most: int) -> None:
        idle = sorted(
            (account for account, record in self._records.items() if not record.in_flight),
            key=lambda account: self._records[account].used,
        )
        for account in idle:
            if len(self._records) <= most and now - self._records[account].used < _FORGOTTEN_AFTER:
                break
            del self._records[account]
            self._store.put(TABLE, _name(account), None)

    def _save(self, account: Account, record: Record) -> None:
        if self._records.get(account) is record:
            record.saved = self._clock()
            self._store.put(TABLE, _name(account), record.row())


def _both(account: Account) -> tuple[Account, ...]:
    """The account, and the provider as a whole."""
    return (account, Account(account.provider)) if account.key else (account,)


def _name(account: Account) -> str:
    """Of its row; a fingerprint holds no space."""
    return f"{account.provider} {account.key}"


def _account(name: str) -> Account:
    provider, _, key = name.rpartition(" ")
    return Account(provider, key)
