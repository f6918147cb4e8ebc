"""The health report."""

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
    response = Message(stage.to_client)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    report: dict[str, Any] = response.json
    return report


def test_the_report_has_version_routes_and_memory(house: House) -> None:
    response = report(house)
    assert response["status"] == "ok"
    assert response["version"] == __version__
    assert isinstance(response["uptime_seconds"], int)
    assert response["memory_mb"] > 10
    assert response["routes"] == [
        {"models": ["m-*"], "providers": ["acme"]},
        {"models": ["own-*"], "providers": ["theirs"]},
    ]
    assert response["providers"] == ["acme", "theirs"]


def test_without_routes_the_providers_with_a_key_are_listed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    response = report(house)
    assert (response["routes"], response["providers"]) == ([], ["deepseek", "deepseek-anthropic"])


def counts(house: House) -> tuple[dict[str, int], dict[str, int]]:
    told = report(house)
    return told["exchanges"], told["attempts"]


def test_exchanges_and_attempts_are_counted_apart(house: House) -> None:
    stage = house.asked(question())
    stage.upstream(HELLO)
    assert counts(house) == ({"answered": 1}, {"answered": 1})


def test_a_refusal_counts_on_each_side_as_what_it_is_there(house: House) -> None:
    house.asked(question()).upstream(refusal(401))
    assert counts(house) == ({"failed": 1}, {"refused": 1})


def test_who_left_and_who_was_out_of_reach_are_told_apart(house: House) -> None:
    house.asked(question(), refused=[ACME])
    house.asked(question()).leaves()
    assert counts(house) == ({"failed": 1, "client_left": 1}, {"failed": 1, "client_left": 1})


def test_what_passes_through_and_its_own_reports_do_not_count(house: House) -> None:
    report(house)
    house.get("/v1/files")
    assert counts(house) == ({}, {})


def test_a_request_that_nobody_could_be_asked_counts_as_refused(house: House) -> None:
    house.asked(b"no JSON")
    assert counts(house) == ({"refused": 1}, {})


def test_the_report_holds_no_secret(house: House) -> None:
    house.asked(question()).upstream(HELLO)
    assert KEY not in str(report(house))


@pytest.mark.parametrize("path", ["/v1/health", "/healthz"])
def test_other_paths_pass_through(house: House, path: str) -> None:
    assert house.get(path).to_upstream


def test_a_query_is_ignored(house: House) -> None:
    assert house.get("/health?verbose=1").to_upstream == {}


def test_without_proc_the_peak_memory_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_STATM", Path("/nowhere"))
    assert health._memory_mb() > 10


def test_without_the_resource_module_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows: importing it fails
    spec = util.spec_from_file_location("health_elsewhere", health.__file__)
    assert spec is not None and spec.loader is not None
    elsewhere = util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    report = elsewhere.Health(RoutesFile()).report()
    assert (report["status"], report["memory_mb"]) == ("ok", None)
