"""What one proxy of a fleet remembers, the others are told."""

import asyncio
import time
from collections.abc import Iterator, Mapping

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons

from addons.state.addon import State
from converters.jsontext import Json
from tests import servers
from tests.servers import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with servers.redis_server() as running:
        yield running


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
    deadline = time.monotonic() + 20
    while memories[1] != {"acme": {"until": 5}}:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert memories[0] == {}
    later, memory = State(), Memory()
    later.remember("health", memory.take_over)
    with taddons.context(later) as context:
        context.options.update(state_url_env="FLEET_STATE")
        later.running()
        assert memory == {"acme": {"until": 5}}  # at once
    for state in (*states, later):
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
