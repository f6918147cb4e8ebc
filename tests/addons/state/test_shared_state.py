"""What one proxy of a fleet remembers, the others are told."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons

from addons.health.health import TABLE, Health
from addons.routing.account import Account
from addons.state.addon import State
from addons.state.redis_store import RedisStore
from converters.jsontext import Json
from tests import servers
from tests.servers import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with servers.redis_server() as running:
        yield running


async def comes_to_pass(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


class Memory(dict[str, Json | None]):
    """What it was told, in the order of telling."""

    def take_over(self, rows: Mapping[str, Json | None]) -> None:
        self.update(rows)


@pytest.mark.slow
async def test_what_one_remembers_the_other_is_told(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_STATE", server.url)
    states, memories = (State(), State()), (Memory(), Memory())
    for state, memory in zip(states, memories, strict=True):
        state.remember("health", memory.take_over)
        with taddons.context(state) as context:
            context.options.update(state_url_env="FLEET_STATE")
            state.running()
    states[0].store.put("health", "acme", {"until": 5})
    await comes_to_pass(lambda: memories[1] == {"acme": {"until": 5}})
    assert memories[0] == {}
    later, memory = State(), Memory()
    later.remember("health", memory.take_over)
    with taddons.context(later) as context:
        context.options.update(state_url_env="FLEET_STATE")
        later.running()
        assert memory == {"acme": {"until": 5}}  # at once
    for state in (*states, later):
        state.done()


@pytest.mark.slow
async def test_a_cool_down_of_one_is_everybodys(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_STATE", server.url)
    states = State(), State()
    one, other = (Health(state.store) for state in states)
    for state, health in zip(states, (one, other), strict=True):
        state.remember(TABLE, health.absorb)
        with taddons.context(state) as context:
            context.options.update(state_url_env="FLEET_STATE")
            state.running()
    key = Account("acme", "f1")
    one.end(one.begin(key), "rate_limited", retry_after=600)
    await comes_to_pass(lambda: not other.is_available(key))
    assert other.is_available(Account("acme", "f2"))
    one.reset()
    await comes_to_pass(lambda: other.is_available(key))
    for state in states:
        state.done()


@pytest.mark.slow
async def test_who_fails_to_take_one_change_over_gets_the_next(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FLEET_STATE", server.url)
    state, told = State(), Memory()

    def take_over(rows: Mapping[str, Json | None]) -> None:
        if "bad" in rows:
            raise RuntimeError("no")
        told.take_over(rows)

    state.remember("health", take_over)
    with taddons.context(state) as context, closing(RedisStore(server.url)) as another:
        context.options.update(state_url_env="FLEET_STATE")
        state.running()
        another.put("health", "bad", {"x": 1})
        await comes_to_pass(lambda: "cannot be used" in caplog.text)
        another.put("health", "good", {"x": 1})
        await comes_to_pass(lambda: "good" in told)
        state.done()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "the variable FLEET_STATE is not set or empty"),
        ("http://:hunter2@host", "this is no address of a Redis server"),
    ],
)
def test_what_is_no_address_is_told(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_STATE", value)
    with taddons.context(State()) as context, pytest.raises(exceptions.OptionsError) as problem:
        context.options.update(state_url_env="FLEET_STATE")
    assert str(problem.value) == f"state_url_env: {said}"


def test_an_address_is_no_variable_and_is_not_repeated() -> None:
    with taddons.context(State()) as context, pytest.raises(exceptions.OptionsError) as problem:
        context.options.update(state_url_env="redis://:hunter2@host")
    assert "state_url_env: is not the name of an environment variable" in str(problem.value)
    assert "hunter2" not in str(problem.value)
