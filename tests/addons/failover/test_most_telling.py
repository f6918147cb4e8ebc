"""Of several failures the client reads the one that it can do something about."""

import pytest
from mitmproxy.test import tflow

from addons.exchange.exchange import Attempt
from addons.failover.most_telling import is_worth_telling, most_telling
from converters.errors import Fault, Kind
from tests.addons.layer_harness import UppercaseConverter

NOW = 1767225600.0


def told(*faults: Fault) -> int:
    """The number of the fault that is told."""
    attempts = [Attempt(tflow.tflow(), UppercaseConverter(), fault=fault) for fault in faults]
    return attempts.index(most_telling(attempts, NOW))


def fault(kind: Kind, retry_after: int | str | None = None) -> Fault:
    return Fault(kind, "no", None, retry_after)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([fault("auth")], 0),
        ([fault("auth"), fault("bad_request")], 0),
        ([fault("server"), fault("context_overflow"), fault("overloaded")], 1),
        ([fault("auth"), fault("server"), fault("quota")], 1),
        ([fault("server"), fault("unreachable")], 1),
        ([fault("rate_limited", 60), fault("rate_limited", 5)], 1),
        ([fault("rate_limited", 5), fault("rate_limited", 60)], 0),
        ([fault("rate_limited", 5), fault("server")], 1),
        ([fault("rate_limited", "Thu, 01 Jan 2026 00:00:30 GMT"), fault("rate_limited", 40)], 0),
        ([fault("empty"), fault("bad_request")], 0),
    ],
)
def test_which_is_told(faults: list[Fault], expected: int) -> None:
    assert told(*faults) == expected


def test_who_can_do_something_about_it() -> None:
    kinds: list[Kind] = ["context_overflow", "rate_limited", "auth", "bad_request"]
    assert [is_worth_telling(fault(kind)) for kind in kinds] == [True, True, False, False]
