"""Several workers behind haproxy: who gets which request, and what is lost when one of them, or all, end."""

import asyncio
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from addons.state.redis_store import RedisStore
from tests import servers
from tests.e2e import fleet as fleets
from tests.e2e.codex import Codex
from tests.e2e.conftest import KEYS, Endpoint
from tests.e2e.fleet import Fleet, ask
from tests.e2e.proxy import free_port
from tests.e2e.scripted_response import Call, ErrorResponse, ModelResponse, Text
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind

QUICK = "chat-20-10"
PACED = "chat-200-50-paced"
"""Four seconds."""

LONG = "chat-3000-50-paced"
"""A minute."""


STRICT = """
[[routes]]
models = ["strict-*"]
providers = ["strict"]

[providers.strict]
protocol = "chat"
base_url = "{address}"
key_env = ["CHAT_KEY"]
dialect = {{ reasoning_back = "exact", effort = "thinking", tool_choice = "auto" }}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with fleets.paced_upstream() as address:
        yield address


@pytest.fixture(scope="module")
def fleet(
    upstream: str, upstreams: dict[UpstreamKind, ScriptedUpstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    routes = fleets.ROUTES.format(address=upstream) + STRICT.format(address=upstreams["chat"].base_url)
    environment = {"CHAT_KEY": KEYS["chat"]}
    with fleets.running(tmp_path_factory.mktemp("fleet"), routes, 2, environment=environment) as running:
        yield running


def growth(before: list[int], after: list[int]) -> list[int]:
    return [now - then for then, now in zip(before, after, strict=True)]


async def test_all_workers_take_part_and_a_session_stays_with_its_own(fleet: Fleet) -> None:
    before = fleet.counts()
    answers = await asyncio.gather(*(ask(fleet.port, QUICK, f"session-{number}") for number in range(12)))
    assert all(answer.is_whole for answer in answers)
    taken = growth(before, fleet.counts())
    assert sum(taken) == 12 and min(taken) > 0
    before = fleet.counts()
    for _ in range(6):
        assert (await ask(fleet.port, QUICK, "session-3")).is_whole
    assert sorted(growth(before, fleet.counts())) == [0, 6]


def test_a_session_of_codex_stays_with_its_worker(fleet: Fleet, codex: Codex, chat: Endpoint) -> None:
    codex.provider["base_url"] = f"http://127.0.0.1:{fleet.port}/v1"
    before = fleet.counts()
    chat.upstream.script(ModelResponse(Call("exec_command", {"cmd": "echo on"})), ModelResponse(Text("first")))
    assert codex.exec("go", model="strict-tiny").agent_messages == ["first"]
    for text in ("second", "third"):
        chat.upstream.script(ModelResponse(Text(text)))
        assert codex.resume("and on", model="strict-tiny").agent_messages == [text]
    assert sorted(growth(before, fleet.counts())) == [0, 4]


async def test_a_killed_worker_loses_only_its_streams_and_comes_again(fleet: Fleet) -> None:
    port, pid = fleet.workers[0]
    before = fleet.counts()[1]
    started = [asyncio.Event() for _ in range(10)]
    streams = [
        asyncio.create_task(ask(fleet.port, PACED, f"kill-{number}", started=event))
        for number, event in enumerate(started)
    ]
    await asyncio.gather(*(event.wait() for event in started))
    os.kill(pid, signal.SIGKILL)
    answers = await asyncio.gather(*streams)
    lost = [f"kill-{number}" for number, answer in enumerate(answers) if not answer.is_whole]
    assert 0 < len(lost) < 10
    assert fleet.counts()[1] - before == 10 - len(lost)
    retried = await asyncio.gather(*(ask(fleet.port, QUICK, session) for session in lost))
    assert all(answer.is_whole for answer in retried)

    await comes_again(fleet, port)
    fresh = await asyncio.gather(*(ask(fleet.port, QUICK, f"fresh-{number}") for number in range(12)))
    assert all(answer.is_whole for answer in fresh)
    assert fleet.counts()[0] > 0


async def comes_again(fleet: Fleet, port: int) -> None:
    for _ in range(300):
        if fleets.get(port, "/health", {})[0] == 200:
            await asyncio.sleep(1)  # until haproxy has seen it, too
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"the worker is not started again:\n{fleet.log.read_text()}")


async def test_what_one_worker_learns_of_a_provider_the_other_knows(fleet: Fleet, chat: Endpoint) -> None:
    chat.upstream.script_by(lambda _: ErrorResponse(429, "slow down", headers={"retry-after": "600"}))
    before = fleet.counts()
    assert not (await ask(fleet.port, "strict-tiny", "unlucky")).is_whole
    assert sorted(growth(before, fleet.counts())) == [0, 1]
    for _ in range(100):
        if fleet.cooling() == [["strict"], ["strict"]]:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"{fleet.cooling()}, {chat.upstream.refusals}: {fleet.log.read_text()[-2000:]}")


async def test_without_redis_the_workers_go_on_until_it_is_there_again(fleet: Fleet) -> None:
    os.kill(fleet.redis, signal.SIGKILL)
    answers = await asyncio.gather(*(ask(fleet.port, QUICK, f"alone-{number}") for number in range(6)))
    assert all(answer.is_whole for answer in answers)
    while "state: Redis can be used again" not in fleet.log.read_text():
        await asyncio.sleep(0.1)


async def test_a_stop_lets_running_streams_end_and_takes_no_new_ones(upstream: str, tmp_path: Path) -> None:
    with fleets.running(tmp_path, fleets.ROUTES.format(address=upstream), 1, "--no-redis") as fleet:
        started = asyncio.Event()
        stream = asyncio.create_task(ask(fleet.port, PACED, "last", started=started))
        await started.wait()
        fleet.process.send_signal(signal.SIGTERM)
        while fleets.get(fleet.port, "/health", {})[0]:
            await asyncio.sleep(0.05)
        assert not stream.done()
        assert (await stream).is_whole
        assert await asyncio.to_thread(fleet.process.wait, 30) == 0


async def test_what_one_puts_into_a_shared_redis_all_workers_know_and_no_command_line_shows_its_address(
    upstream: str, tmp_path: Path
) -> None:
    routes = fleets.ROUTES.format(address=upstream)
    with servers.redis_server() as server, closing(RedisStore(server.url)) as another:
        options = ("--redis", "STATE_URL")
        with fleets.running(tmp_path, routes, 2, *options, environment={"STATE_URL": server.url}) as fleet:
            assert fleet.cooling() == [[], []]
            another.put("health", "paced ", cool_down())
            while fleet.cooling() != [["paced"], ["paced"]]:
                await asyncio.sleep(0.1)
            another.put("health", "paced ", None)
            while fleet.cooling() != [[], []]:
                await asyncio.sleep(0.1)
            shown = [Path(f"/proc/{pid}/cmdline").read_text() for pid in (fleet.process.pid, *fleet.pids)]
            assert not [line for line in shown if server.url in line]
            assert server.url not in fleet.log.read_text()


async def test_what_its_own_redis_holds_is_the_users_alone_and_survives_a_restart(
    upstream: str, tmp_path: Path
) -> None:
    port, routes = free_port(), fleets.ROUTES.format(address=upstream)
    with fleets.running(tmp_path, routes, 1, "--set", f"state_dir={tmp_path / 'state'}", port=port) as fleet:
        socket = fleet.redis_socket
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in (socket.parent, *(tmp_path / "state").iterdir())] == (
            [0o700, 0o700]
        )
        with closing(RedisStore(f"unix://{socket}")) as another:
            another.put("health", "paced ", cool_down())
            while fleet.cooling() != [["paced"]]:
                await asyncio.sleep(0.1)
        assert await asyncio.to_thread(fleet.stop) == 0
        assert not socket.parent.exists()
    with fleets.running(tmp_path, routes, 1, "--set", f"state_dir={tmp_path / 'state'}", port=port) as fleet:
        assert fleet.cooling() == [["paced"]]


def cool_down() -> dict[str, object]:
    now = time.time()
    return {"failures": 1, "reason": "overloaded", "since": now, "until": now + 600, "used": now}


@pytest.mark.parametrize(
    ("drain", "signals"), [("3600", [signal.SIGINT, signal.SIGINT]), ("0.5", [signal.SIGTERM])], ids=["twice", "late"]
)
async def test_a_second_signal_or_too_long_a_wait_ends_all(
    upstream: str, tmp_path: Path, drain: str, signals: list[signal.Signals]
) -> None:
    with fleets.running(tmp_path, fleets.ROUTES.format(address=upstream), 1, "--no-redis", "--drain", drain) as fleet:
        started = asyncio.Event()
        stream = asyncio.create_task(ask(fleet.port, LONG, "last", started=started))
        await started.wait()
        assert await asyncio.to_thread(fleet.stop, *signals) == 0
        assert not (await stream).is_whole


async def test_on_all_addresses_every_client_needs_the_token_and_health_checks_have_it(
    upstream: str, tmp_path: Path
) -> None:
    token = 'a %[odd] "token" $HOME \\ #'
    options = ("--no-redis", "--listen-host", "0.0.0.0", "--set", "client_token_env=FLEET_TOKEN")
    routes = fleets.ROUTES.format(address=upstream)
    with fleets.running(tmp_path, routes, 1, *options, environment={"FLEET_TOKEN": token}, token=token) as fleet:
        await asyncio.sleep(5)  # three health checks that failed would take the worker out
        assert (await ask(fleet.port, QUICK, "stranger")).status == 401
        assert (await ask(fleet.port, QUICK, "friend", token=token)).is_whole
        assert fleets.get(fleet.port, "/health", {"host": "evil.example", "x-transcodex-token": token})[0] == 403
        assert " is DOWN" not in fleet.log.read_text()
        assert token not in fleet.log.read_text()
