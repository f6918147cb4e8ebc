"""A route may allow more or less than the options."""

from addons.failover.budget import Budget
from addons.routing.router import Retry


def test_a_route_changes_what_it_names() -> None:
    assert Budget().of_route(Retry(attempts=3, wait=5, seconds=60)) == Budget(3, 5, 60)
    assert Budget(2, 3, 4).of_route(Retry(wait=0)) == Budget(2, 0, 4)
    assert Budget(2, 3, 4).of_route(Retry()) == Budget(2, 3, 4)
