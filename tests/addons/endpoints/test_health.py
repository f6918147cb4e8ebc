"""Whether the proxy is well, and what it has done."""

import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from addons import __version__
from addons.endpoints import health
from addons.routing.config_watcher import RoutesFile
from tests.addons.house import ACME, HELLO, KEY, House, Message, question
from tests.addons.stage import refusal


def report(house: House) -> dict[str, Any]:
    stage = house.get("/health")
    assert stage.to_upstream == {}
    told = Message(stage.to_client)
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    report: dict[str, Any] = told.json
    return report


def test_the_report_says_what_runs_and_where_to(house: House) -> None:
    told = report(house)
    assert told["status"] == "ok"
    assert told["version"] == __version__
    assert isinstance(told["uptime_seconds"], int)
    assert told["memory_mb"] > 10
    assert told["routes"] == [
        {"models": ["m-*"], "providers": ["acme"]},
        {"models": ["own-*"], "providers": ["theirs"]},
    ]
    assert told["providers"] == ["acme", "theirs"]


def test_without_routes_the_providers_with_a_key_are_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    told = report(house)
    assert (told["routes"], told["providers"]) == ([], ["deepseek", "deepseek-anthropic"])


def test_clients_and_attempts_are_counted_apart(house: House) -> None:
    stage = house.asked(question())
    stage.upstream(HELLO)
    assert report(house)["requests"] == {"clients_status_2xx": 1, "attempts_status_2xx": 1}


def test_a_refusal_counts_on_each_side_as_what_was_said_there(house: House) -> None:
    house.asked(question()).upstream(refusal(401))
    assert report(house)["requests"] == {"attempts_status_4xx": 1, "clients_status_4xx": 1}


def test_who_left_or_was_out_of_reach_counts_as_dropped(house: House) -> None:
    house.asked(question(), refused=[ACME])
    house.asked(question()).leaves()
    assert report(house)["requests"] == {"attempts_dropped": 2, "clients_status_5xx": 1, "clients_dropped": 1}


def test_its_own_reports_count_as_answers(house: House) -> None:
    report(house)
    assert report(house)["requests"] == {"clients_status_2xx": 1}


def test_it_tells_no_secret(house: House) -> None:
    house.asked(question()).upstream(HELLO)
    assert KEY not in str(report(house))


@pytest.mark.parametrize("path", ["/v1/health", "/healthz"])
def test_only_its_own_path_is_answered(house: House, path: str) -> None:
    assert house.get(path).to_upstream


def test_a_query_is_no_other_path(house: House) -> None:
    assert house.get("/health?verbose=1").to_upstream == {}


def test_where_the_system_tells_no_memory_now_it_is_the_most_that_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_STATM", Path("/nowhere"))
    assert health._memory_mb() > 10


def test_it_runs_where_the_system_has_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows: importing it fails
    spec = util.spec_from_file_location("health_elsewhere", health.__file__)
    assert spec is not None and spec.loader is not None
    elsewhere = util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    report = elsewhere.Health(RoutesFile()).report()
    assert (report["status"], report["memory_mb"]) == ("ok", None)
