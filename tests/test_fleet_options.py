"""What scripts/fleet keeps for itself, what it hands on, and what it refuses because it would not be safe."""

import pytest

from scripts.fleet_options import FleetOptions, Usage, parse

ENVIRONMENT = {"TOKEN": "letmein", "EMPTY": "", "STATE": "redis://:secret@host:6379/0"}


def parsed(*arguments: str) -> FleetOptions:
    return parse(list(arguments), ENVIRONMENT)


def settings(options: FleetOptions) -> list[str]:
    return [value for name, value in zip(options.worker, options.worker[1:], strict=False) if name == "--set"]


def test_it_listens_where_scripts_run_does() -> None:
    options = parsed("2")
    assert (options.workers, options.host, options.port, options.has_redis) == (2, "127.0.0.1", 8390, True)
    assert options.worker == ("--mode", "reverse:https://api.openai.com", "--set", "flow_detail=0")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--listen-host", "::1", "--listen-port", "9000"],
        ["--listen-host=[::1]", "-p", "9000"],
        ["--set", "listen_host=::1", "--set", "listen_port=9000"],
    ],
)
def test_the_address_is_the_fleets_and_not_the_workers(arguments: list[str]) -> None:
    options = parsed("1", *arguments)
    assert (options.host, options.port) == ("::1", 9000)
    assert not [part for part in options.worker if "9000" in part or "::1" in part]


def test_what_is_not_the_fleets_is_every_workers() -> None:
    options = parsed("3", "--set", "routes=my.toml", "-s", "other.py", "--mode", "reverse:http://localhost:1", "-q")
    assert options.worker[:2] == ("--mode", "reverse:http://localhost:1")
    assert options.worker[-3:] == ("-s", "other.py", "-q")
    assert "routes=my.toml" in settings(options)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "*", "box.lan"])
@pytest.mark.parametrize(
    "token", [[], ["--set", "client_token_env="], ["--set", "client_token_env"], ["--set", "client_token_env=EMPTY"]]
)
def test_off_loopback_nobody_goes_in_without_a_token(host: str, token: list[str]) -> None:
    with pytest.raises(Usage, match="client_token_env"):
        parsed("2", "--listen-host", host, *token)


def test_off_loopback_the_workers_demand_the_token_and_know_their_host() -> None:
    options = parsed("2", "--listen-host", "192.168.1.5", "--set", "client_token_env=TOKEN")
    assert options.token == "letmein"
    assert {"client_token_env=TOKEN", "allowed_hosts=192.168.1.5"} <= set(settings(options))
    ipv6 = parsed("2", "--listen-host", "fd00::1", "--set", "client_token_env=TOKEN")
    assert "allowed_hosts=[fd00::1]" in settings(ipv6)
    everywhere = parsed("2", "--listen-host", "0.0.0.0", "--set", "client_token_env=TOKEN")
    assert not [setting for setting in settings(everywhere) if setting.startswith("allowed_hosts")]


def test_a_token_is_kept_on_loopback_too() -> None:
    assert parsed("2", "--set", "client_token_env=TOKEN").token == "letmein"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "workers"),
        (["many"], "workers"),
        (["0"], "1 to 64"),
        (["65"], "1 to 64"),
        (["2", "--mode", "reverse:https://api.openai.com@0.0.0.0:80"], "--listen-host"),
        (["2", "--listen-host", "127.0.0.1\n    stats enable"], "no address"),
        (["2", "-p", "here"], "--listen-port"),
        (["2", "-p", "0"], "--listen-port"),
        (["2", "--set", "listen_port=100000"], "--listen-port"),
        (["2", "--drain", "-1"], "--drain"),
        (["2", "--drain", "nan"], "--drain"),
        (["2", "-w", "flows.mitm"], "{worker}"),
        (["2", "--save-stream-file=flows.mitm"], "{worker}"),
        (["2", "--set", "save_stream_file=flows.mitm"], "{worker}"),
        (["2", "--set", "capture_all=kept"], "{worker}"),
        (["2", "--redis", "redis://localhost", "--no-redis"], "exclude"),
        (["2", "--redis", "http://localhost"], "no address"),
        (["2", "--redis", "redis://[::1"], "no address"),
        (["2", "--redis", "NOWHERE"], "NOWHERE is not set"),
        (["2", "--redis", "redis://:secret@host/0"], "command line"),
        (["2", "--redis", "unix:///redis.sock?password=secret"], "command line"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], said: str) -> None:
    with pytest.raises(Usage) as problem:
        parsed(*arguments)
    assert said in str(problem.value)
    assert "secret" not in str(problem.value)


def test_each_worker_may_write_to_a_place_of_its_own() -> None:
    options = parsed("2", "-w", "flows-{worker}.mitm", "--set", "capture_all=kept/{worker}")
    assert options.worker[-2:] == ("-w", "flows-{worker}.mitm")


@pytest.mark.parametrize("given", ["redis://host:6379/0", "rediss://host", "unix:///run/redis.sock?db=2"])
def test_a_redis_without_a_password_may_stand_on_the_command_line(given: str) -> None:
    assert parsed("2", "--redis", given).redis == given


def test_one_with_a_password_is_read_from_a_variable() -> None:
    options = parsed("2", "--redis", "STATE")
    assert options.redis == ENVIRONMENT["STATE"]
    assert not [part for part in options.worker if "secret" in part]
