"""The health report."""

import re
import sys
from importlib import util
from pathlib import Path
from typing import Any

import orjson
import pytest

from addons import __version__
from addons.endpoints import health
from addons.health.health import Health
from addons.routing.account import Account, fingerprint
from addons.routing.config_watcher import ConfigWatcher
from tests.addons.layer_harness import refusal
from tests.addons.proxy_under_test import ACME, HELLO, KEY, ROUTES, HttpMessage, ProxyUnderTest, request_body


def report(proxy_under_test: ProxyUnderTest) -> dict[str, Any]:
    harness = proxy_under_test.get("/health")
    assert harness.to_upstream == {}
    response = HttpMessage(harness.to_client)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    report: dict[str, Any] = response.json
    return report


def test_the_report_has_version_routes_and_memory(proxy_under_test: ProxyUnderTest) -> None:
    response = report(proxy_under_test)
    assert response["status"] == "ok"
    assert response["version"] == __version__
    assert isinstance(response["uptime_seconds"], int)
    assert response["memory_mb"] > 10
    assert response["routes"] == [
        {"models": ["m-*"], "providers": ["acme"]},
        {"models": ["own-*"], "providers": ["theirs"]},
    ]
    assert response["providers"] == ["acme", "theirs"]


def test_without_routes_the_providers_with_a_key_are_listed(
    proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy_under_test.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    response = report(proxy_under_test)
    assert (response["routes"], response["providers"]) == ([], ["deepseek", "deepseek-anthropic"])


def counts(proxy_under_test: ProxyUnderTest) -> tuple[dict[str, int], dict[str, int]]:
    told = report(proxy_under_test)
    return told["exchanges"], told["attempts"]


def test_exchanges_and_attempts_are_counted_apart(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(HELLO)
    assert counts(proxy_under_test) == ({"answered": 1}, {"answered": 1})


def test_a_refusal_counts_on_each_side_as_what_it_is_there(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body()).upstream_sends(refusal(401))
    assert counts(proxy_under_test) == ({"failed": 1}, {"refused": 1})


def test_who_left_and_who_was_out_of_reach_are_told_apart(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body(), refused=[ACME])
    proxy_under_test.post(request_body()).client_disconnects()
    assert counts(proxy_under_test) == ({"failed": 1, "client_left": 1}, {"failed": 1, "client_left": 1})


def test_what_passes_through_and_its_own_reports_do_not_count(proxy_under_test: ProxyUnderTest) -> None:
    report(proxy_under_test)
    proxy_under_test.get("/v1/files")
    assert counts(proxy_under_test) == ({}, {})


def test_a_request_that_nobody_could_be_asked_counts_as_refused(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(b"no JSON")
    assert counts(proxy_under_test) == ({"refused": 1}, {})


def test_what_cools_is_told_with_the_number_of_the_key_and_nothing_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY", KEY)
    (tmp_path / "routes.toml").write_text(ROUTES)
    watcher, state = ConfigWatcher(), Health(clock=lambda: 1_800_000_000.0)
    watcher.open(tmp_path / "routes.toml")
    acme = Account("acme", fingerprint(KEY))
    assert health.HealthEndpoint(watcher, state).report()["cooling"] == []
    state.end(state.begin(acme), "auth")
    state.end(state.begin(acme), "overloaded")
    state.end(state.begin(Account("acme", "of a key that is gone")), "auth")
    report = orjson.dumps(health.HealthEndpoint(watcher, state).report())
    until = "2027-01-15T08:00:05+00:00"
    assert orjson.loads(report)["cooling"] == [
        {"provider": "acme", "key": None, "state": "cooling", "until": until, "reason": "overloaded"},
        {"provider": "acme", "key": 1, "state": "parked", "until": None, "reason": "auth"},
    ]
    assert not re.search(f"{KEY}|{KEY[-4:]}|{acme.key}".encode(), report)


def test_the_report_holds_no_secret(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body()).upstream_sends(HELLO)
    assert KEY not in str(report(proxy_under_test))


@pytest.mark.parametrize("path", ["/v1/health", "/healthz"])
def test_other_paths_pass_through(proxy_under_test: ProxyUnderTest, path: str) -> None:
    assert proxy_under_test.get(path).to_upstream


def test_a_query_is_ignored(proxy_under_test: ProxyUnderTest) -> None:
    assert proxy_under_test.get("/health?verbose=1").to_upstream == {}


def test_without_proc_the_peak_memory_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_STATM", Path("/nowhere"))
    assert health._memory_mb() > 10


def test_without_the_resource_module_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows: importing it fails
    spec = util.spec_from_file_location("health_elsewhere", health.__file__)
    assert spec is not None and spec.loader is not None
    elsewhere = util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    report = elsewhere.HealthEndpoint(ConfigWatcher()).report()
    assert (report["status"], report["memory_mb"]) == ("ok", None)
