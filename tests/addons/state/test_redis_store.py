"""Two proxies that share rows over a real Redis server, which comes and goes."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
import pytest
import redis

from addons.state import redis_store
from addons.state.redis_store import RedisStore
from tests import servers
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

PATIENCE = 20.0

type OpenStore = Callable[[RedisServer], RedisStore]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "_RETRY_SECONDS", (0.05, 0.2))


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with servers.redis_server() as running:
        yield running


@pytest.fixture
def stores() -> Iterator[OpenStore]:
    opened: list[RedisStore] = []

    def open_store(server: RedisServer) -> RedisStore:
        opened.append(RedisStore(server.url))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def pair(server: RedisServer, stores: OpenStore) -> tuple[RedisStore, RedisStore]:
    both = stores(server), stores(server)
    for store in both:
        store.load("health")
    return both


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    """A stranger's."""
    with redis.Redis(unix_socket_path=str(server.path)) as client:
        yield client


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def holds(store: RedisStore, **rows: Any) -> Callable[[], bool]:
    return lambda: store.load("health") == rows


def told(store: RedisStore, table: str = "health") -> dict[str, Any]:
    """The next changes."""
    found: dict[str, Any] = {}
    wait_for(lambda: bool(found.update(store.changes(table)) or found))
    return found


def test_what_one_puts_the_other_is_told(pair: tuple[RedisStore, RedisStore]) -> None:
    one, other = pair
    one.put("health", "acme", {"until": 5})
    assert told(other) == {"acme": {"until": 5}}
    assert other.changes("health") == {} and one.changes("health") == {}
    other.put("health", "acme", None)
    assert told(one) == {"acme": None}
    assert one.load("health") == other.load("health") == {}


def test_tables_are_apart(pair: tuple[RedisStore, RedisStore]) -> None:
    one, other = pair
    one.put("lessons", '["a b", "c"]', {"x": 1})
    one.put("health", "acme", {"x": 2})
    assert told(other, "lessons") == {'["a b", "c"]': {"x": 1}}
    assert told(other) == {"acme": {"x": 2}}


def test_the_next_run_finds_what_the_last_one_put(server: RedisServer, stores: OpenStore) -> None:
    first = stores(server)
    first.put("health", "acme", {"until": 5})
    first.close()
    assert stores(server).load("health") == {"acme": {"until": 5}}


@pytest.mark.parametrize("seed", range(3))
def test_all_end_with_the_same_rows_whoever_put_last(pair: tuple[RedisStore, RedisStore], seed: int) -> None:
    """Who lives on what it puts and what it is told has the same rows, too."""
    chance = random.Random(seed)
    views: list[dict[str, Any]] = [{}, {}]

    def look() -> None:
        for view, store in zip(views, pair, strict=True):
            view.update(store.changes("health"))

    def put(index: int, key: str, row: dict[str, Any] | None) -> None:
        look()
        pair[index].put("health", key, row)
        views[index][key] = row

    def has_all(key: str) -> bool:
        look()
        return all(key in view for view in views)

    for number in range(300):
        put(chance.randrange(2), chance.choice("abc"), chance.choice([None, {"number": number}]))
        time.sleep(chance.choice([0, 0, 0.005, 0.02]))
    for index in (0, 1, 0):  # whatever came before these has arrived with them
        key = f"end {chance.random()}"
        put(index, key, {"x": 1})
        wait_for(partial(has_all, key))
    rows = pair[0].load("health")
    assert pair[1].load("health") == rows
    for view in views:
        assert {key: row for key, row in view.items() if row is not None} == rows


def test_without_redis_memory_remembers_and_redis_gets_it_later(
    server: RedisServer, stores: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    one = stores(server)
    with caplog.at_level(logging.INFO):
        assert one.load("health") == {}
        one.put("health", "acme", {"until": 5})
        assert one.load("health") == {"acme": {"until": 5}}
        time.sleep(0.5)  # in which it has tried more than once
        server.start()
        wait_for(lambda: "Redis can be used again" in caplog.text)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    wait_for(holds(stores(server), acme={"until": 5}))


def test_what_both_put_while_redis_was_away_and_lost_all_is_joined(
    server: RedisServer, pair: tuple[RedisStore, RedisStore]
) -> None:
    one, other = pair
    one.put("health", "before", {"x": 1})
    wait_for(holds(other, before={"x": 1}))
    server.stop()
    one.put("health", "mine", {"x": 2})
    other.put("health", "yours", {"x": 3})
    server.start()
    for store in pair:
        wait_for(holds(store, before={"x": 1}, mine={"x": 2}, yours={"x": 3}))


def test_what_was_forgotten_while_one_was_away_is_forgotten(
    server: RedisServer, stores: OpenStore, client: Any
) -> None:
    one = stores(server)
    one.put("health", "acme", {"x": 1})
    one.put("health", "other", {"x": 1})
    wait_for(lambda: client.hlen(redis_store.HASH) == 3)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.hdel(redis_store.HASH, redis_store.RowName("health", "acme").field())
        pipeline.client_kill_filter(_type="normal", skipme=True)
        pipeline.execute()
    assert told(one) == {"acme": None}
    assert one.load("health") == {"other": {"x": 1}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"no json", b"{}"),
        (b'["health"]', b"{}"),
        (b'["health",7]', b"{}"),
        (b'["health","x"]', b"no json"),
        (b'["health","x"]', b"[1]"),
        (b'["health","x"]', b"[" * 10_000),
        (b'["health","x"]', orjson.dumps({"x": "y" * 100_000})),
        (b'["health","' + b"x" * 5000 + b'"]', b"{}"),
        (b"\xff\xfe", b"\xff"),
    ],
)
def test_what_strangers_put_there_is_passed_over(
    server: RedisServer, stores: OpenStore, client: Any, field: bytes, value: bytes
) -> None:
    one = stores(server)
    one.load("health")
    client.hset(redis_store.HASH, field, value)
    client.xadd(redis_store.CHANGES, {field: value, b"also": b""})
    other = stores(server)
    assert other.load("health") == {}
    other.put("health", "good", {"x": 1})
    assert told(one) == {"good": {"x": 1}}


def test_what_holds_something_else_is_said_once(
    server: RedisServer, stores: OpenStore, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.set(redis_store.HASH, "a text")
    one = stores(server)
    one.put("health", "acme", {"x": 1})
    assert one.load("health") == {"acme": {"x": 1}}
    time.sleep(0.5)  # in which it has tried more than once
    assert len(caplog.records) == 1 and "WRONGTYPE" in caplog.text
    client.delete(redis_store.HASH)
    wait_for(holds(stores(server), acme={"x": 1}))


def test_more_rows_than_there_may_be_are_not_kept(
    server: RedisServer, stores: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "_MOST_ROWS", 5)
    one = stores(server)
    for number in range(9):
        one.put("health", str(number), {"x": number})
    one.put("health", "large", {"x": "y" * 100_000})
    one.put("health", "3", {"x": "new"})
    assert one.load("health").keys() == set("01234") and one.load("health")["3"] == {"x": "new"}


@pytest.mark.parametrize(
    "url", ["", "http://host", "redis://:pass@word@host:port/0", "redis://host:99999999", "redis://[::1"]
)
def test_what_is_no_address_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="this is no address of a Redis server") as problem:
        RedisStore(url)
    assert problem.value.__suppress_context__ and not set(url) & set("@:") & set(str(problem.value))


def test_a_password_does_not_reach_the_log(caplog: pytest.LogCaptureFixture) -> None:
    store = RedisStore("redis://user:hunter2@127.0.0.1:1/0")  # pragma: allowlist secret
    store.load("health")
    store.close()
    assert "Redis cannot be used" in caplog.text and "hunter2" not in caplog.text
