"""What is no address is told without repeating it: it may hold a password."""

import sys

import pytest

from addons.state import redis_client

WRONG = ["", "http://host", "redis://:pass@word@host:port/0", "redis://host:99999999", "redis://[::1"]


@pytest.mark.parametrize("url", WRONG)
@pytest.mark.parametrize(
    "make",
    [redis_client.check, lambda url: redis_client.blocking(url, 1), lambda url: redis_client.for_event_loop(url, 1)],
)
def test_what_is_no_address_is_not_repeated(make: object, url: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="this is no address of a Redis server") as problem:
        make(url)
    assert problem.value.__suppress_context__


@pytest.mark.parametrize("url", ["redis://host", "rediss://:word@host:1/2", "unix:///run/redis.sock?db=1"])
def test_an_address_is_not_connected_to(url: str) -> None:
    redis_client.check(url)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ValueError, match="pip install 'redis>=6'"):
        redis_client.check("redis://host")
