"""How providers fare, shown and reset by commands."""

import datetime
import logging
import os
import time
from collections.abc import Sequence

from mitmproxy import command

from addons.health.health import AccountHealth, Health
from addons.health.present_keys import PresentKey, present_keys
from addons.routing.account import Account
from addons.routing.config_watcher import ConfigWatcher
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)


class HealthCommands:
    def __init__(self, health: Health, watcher: ConfigWatcher) -> None:
        self._health, self._watcher = health, watcher

    @command.command("health.show")
    def show(self) -> Sequence[str]:
        """How each provider and key fares: what cools, until when and why, rate of success, time to the first byte."""
        keys, now = present_keys(self._watcher.current, os.environ), time.time()
        lines = [_line(shown, keys, now) for shown in self._health.show()] or ["no provider was asked yet"]
        logger.info("%s", "\n".join(lines))  # mitmweb's command bar shows no lists, its event log does
        return lines

    @command.command("health.reset")
    def reset(self, provider: str = "") -> Sequence[str]:
        """Forgets what failed at a provider, by default at all, so that it is asked again at once."""
        accounts = self._health.reset(provider or None)
        names = dict.fromkeys(account.provider for account in accounts)
        lines = [f"{name} is as new" for name in names] or ["there is nothing to forget"]
        lines = [printable(line, 300) for line in lines]
        logger.info("%s", "\n".join(lines))
        return lines


def _line(shown: AccountHealth, keys: dict[Account, PresentKey], now: float) -> str:
    account = shown.account
    facts = [_state(shown, now), f"{shown.success_rate:.0%} succeed"]
    if shown.first_byte is not None:
        facts.append(f"first byte after {shown.first_byte:.1f} s")
    if shown.in_flight:
        facts.append(f"{shown.in_flight} in flight")
    return printable(f"{account.provider}{_key(account, keys)}: {', '.join(facts)}", 300)


def _key(account: Account, keys: dict[Account, PresentKey]) -> str:
    if not account.key:
        return ""
    return f" key {key.number} ({key.last_four})" if (key := keys.get(account)) else " (a key that is not set now)"


def _state(shown: AccountHealth, now: float) -> str:
    """The state, until when where that is known, and why."""
    if shown.state == "ok":
        return "ok"
    if shown.state == "due":
        return f"to be probed ({shown.reason})"
    if shown.state == "parked":
        return f"parked ({shown.reason}) until it changes"
    until = datetime.datetime.fromtimestamp(shown.until).astimezone()
    return f"{shown.state} ({shown.reason}) until {until:%Y-%m-%d %H:%M:%S}, for {max(0.0, shown.until - now):.0f} s"
