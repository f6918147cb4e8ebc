"""What Prometheus scrapes, read by its own parser."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.test import taddons
from prometheus_client.parser import text_string_to_metric_families

from addons.endpoints.metrics import CONTENT_TYPE, MOST_VALUES, OTHER, LabelValues, MetricsEndpoint
from addons.exchange.exchange import Attempt, Exchange, Outcome
from addons.health.health import Health
from addons.routing.account import Account
from converters.errors import Fault, Kind
from tests.addons.layer_harness import (
    LayerHarness,
    UppercaseConverter,
    attempt,
    chunked_response,
    refusal,
)
from tests.addons.live_proxy import EchoUpstream, live_proxy
from tests.addons.proxy_under_test import (
    ACME,
    HELLO,
    KEY,
    HttpMessage,
    ProxyUnderTest,
    raw_request,
    request_body,
)

type Labels = frozenset[tuple[str, str]]
type Scraped = dict[tuple[str, Labels], float]

USAGE = chunked_response(
    b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":900,"completion_tokens":34,"total_tokens":934,'
    b'"prompt_tokens_details":{"cached_tokens":800}}}\n\ndata: [DONE]\n\n',
)
OPERATION = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "acme", "gen_ai_request_model": "m-1"}


def parsed(text: str) -> Scraped:
    families = text_string_to_metric_families(text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for f in families for sample in f.samples}


def scraped(proxy_under_test: ProxyUnderTest) -> Scraped:
    harness = proxy_under_test.get("/metrics")
    assert harness.to_upstream == {}
    response = HttpMessage(harness.to_client)
    assert (response.status, response.headers["content-type"]) == (200, CONTENT_TYPE)
    return parsed(response.body.decode())


def value(samples: Scraped, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def series(samples: Scraped, name: str) -> dict[Labels, float]:
    return {labels: number for (found, labels), number in samples.items() if found == name}


def test_an_answered_exchange_is_counted_with_its_attempt(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body()).upstream_sends(HELLO)
    samples = scraped(proxy_under_test)
    assert value(samples, "transcodex_exchanges_total", outcome="answered", cause="") == 1
    assert value(samples, "transcodex_exchange_duration_seconds_count", outcome="answered") == 1
    labels = {"provider": "acme", "model": "m-1", "outcome": "answered", "cause": ""}
    assert value(samples, "transcodex_attempts_total", **labels) == 1
    assert value(samples, "gen_ai_client_operation_duration_seconds_count", **OPERATION, error_type="") == 1


def test_first_byte_and_first_content_are_times_of_their_own(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(chunked_response(b": processing\n\n"))
    samples = scraped(proxy_under_test)
    assert value(samples, "gen_ai_client_operation_time_to_first_chunk_seconds_count", **OPERATION) == 1
    assert value(samples, "gen_ai_server_time_to_first_token_seconds_count", **OPERATION) == 0
    proxy_under_test.post(request_body()).upstream_sends(HELLO)
    samples = scraped(proxy_under_test)
    assert value(samples, "gen_ai_client_operation_time_to_first_chunk_seconds_count", **OPERATION) == 2
    assert value(samples, "gen_ai_server_time_to_first_token_seconds_count", **OPERATION) == 1


def test_tokens_are_counted_by_their_type_and_cached_ones_apart(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body()).upstream_sends(USAGE)
    samples = scraped(proxy_under_test)
    usage = "gen_ai_client_token_usage"
    assert value(samples, f"{usage}_sum", **OPERATION, gen_ai_token_type="input") == 900
    assert value(samples, f"{usage}_bucket", **OPERATION, gen_ai_token_type="input", le="256.0") == 0
    assert value(samples, f"{usage}_bucket", **OPERATION, gen_ai_token_type="input", le="1024.0") == 1
    assert value(samples, f"{usage}_sum", **OPERATION, gen_ai_token_type="output") == 34
    assert value(samples, "transcodex_cached_tokens_total", provider="acme", model="m-1") == 800


def test_a_refusal_has_its_cause_and_no_time_to_a_first_chunk(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body()).upstream_sends(refusal(401))
    samples = scraped(proxy_under_test)
    labels = {"provider": "acme", "model": "m-1", "outcome": "refused", "cause": "auth"}
    assert value(samples, "transcodex_attempts_total", **labels) == 1
    assert value(samples, "transcodex_exchanges_total", outcome="failed", cause="auth") == 1
    assert value(samples, "gen_ai_client_operation_duration_seconds_count", **OPERATION, error_type="auth") == 1
    assert series(samples, "gen_ai_client_operation_time_to_first_chunk_seconds_count") == {}


def test_losses_are_counted(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body(tools=[{"type": "web_search"}])).upstream_sends(HELLO)
    assert value(scraped(proxy_under_test), "transcodex_losses_total", provider="acme") == 1


def ended(provider: str, outcome: Outcome, kind: Kind | None = None) -> Attempt:
    over = Attempt(attempt(), UppercaseConverter(), {}, provider, "m", outcome=outcome)
    over.fault = Fault(kind, "why") if kind else None
    return over


def text_of(endpoint: MetricsEndpoint) -> Scraped:
    with taddons.context():
        flow = attempt()
        flow.request.path = "/metrics"
        endpoint.request(flow)
        assert flow.response is not None and flow.response.text is not None
        return parsed(flow.response.text)


def test_each_attempt_after_a_failed_one_is_a_failover() -> None:
    endpoint, exchange = MetricsEndpoint(), Exchange(attempt())
    for over in (ended("a", "refused", "overloaded"), ended("a", "failed", "cut"), ended("b", "answered")):
        exchange.attempts.append(over)
        endpoint.attempt_end(exchange)
    assert series(text_of(endpoint), "transcodex_failovers_total") == {
        frozenset({"from": "a", "to": "a", "cause": "overloaded"}.items()): 1,
        frozenset({"from": "a", "to": "b", "cause": "cut"}.items()): 1,
    }


def test_cool_downs_are_read_where_they_are_counted() -> None:
    health = Health(clock=lambda: 0.0)
    endpoint = MetricsEndpoint(health.cool_downs_begun)
    assert series(text_of(endpoint), "transcodex_cool_downs_total") == {}
    health.end(health.begin(Account("acme", "")), "server")
    assert value(text_of(endpoint), "transcodex_cool_downs_total", provider="acme") == 1


# --- in flight ---


def in_flight(proxy_under_test: ProxyUnderTest) -> float:
    return value(scraped(proxy_under_test), "transcodex_exchanges_in_flight")


def test_an_exchange_is_in_flight_until_its_end(proxy_under_test: ProxyUnderTest) -> None:
    first, second = (proxy_under_test.post(request_body()) for _ in range(2))
    assert in_flight(proxy_under_test) == 2
    first.upstream_sends(HELLO)
    assert in_flight(proxy_under_test) == 1
    second.client_disconnects()
    assert in_flight(proxy_under_test) == 0


def no_json(proxy: ProxyUnderTest) -> LayerHarness:
    return proxy.post(b"no JSON")


def out_of_reach(proxy: ProxyUnderTest) -> LayerHarness:
    return proxy.post(request_body(), refused=[ACME])


def passes_through(proxy: ProxyUnderTest) -> LayerHarness:
    return proxy.get("/v1/files")


def too_large(proxy: ProxyUnderTest) -> LayerHarness:
    proxy.set(request_limit=1)
    return proxy.post(b" " * (2 << 20))


def left_in_its_body(proxy: ProxyUnderTest) -> LayerHarness:
    harness = LayerHarness(proxy)
    harness.client_sends(raw_request("POST", "/v1/responses", request_body())[:-5])
    harness.client_disconnects()
    return harness


def killed(proxy: ProxyUnderTest) -> LayerHarness:
    harness = proxy.post(request_body())
    harness.flow("client").kill()
    harness.upstream_sends(HELLO)
    return harness


def cut(proxy: ProxyUnderTest) -> LayerHarness:
    harness = proxy.post(request_body())
    harness.upstream_sends(HELLO[:150])
    harness.upstream_closes()
    return harness


def left_while_a_hook_ran(proxy: ProxyUnderTest) -> LayerHarness:
    harness = LayerHarness(proxy)
    with harness.holding("next_attempt"):
        harness.client_sends(raw_request("POST", "/v1/responses", request_body()))
        harness.client_disconnects()
    return harness


ENDS = [no_json, out_of_reach, too_large, left_in_its_body, killed, cut, left_while_a_hook_ran]


@pytest.mark.parametrize("end", [*ENDS, passes_through], ids=lambda end: end.__name__)
def test_however_it_ends_it_is_in_flight_no_more(proxy_under_test: ProxyUnderTest, end: object) -> None:
    assert callable(end)
    harness = end(proxy_under_test)
    assert in_flight(proxy_under_test) == 0
    assert harness is not None  # kept until here, so that nothing ended because it was forgotten


# --- labels ---


def test_a_label_has_a_limited_number_of_values() -> None:
    values = LabelValues()
    names = [f"model-{number}" for number in range(MOST_VALUES + 50)]
    assert [values(name) for name in names] == names[:MOST_VALUES] + [OTHER] * 50
    assert values("model-0") == "model-0"


@given(st.lists(st.text(st.characters(exclude_categories=[])), max_size=20))
def test_any_name_makes_a_value_that_prometheus_reads(names: list[str]) -> None:
    values = LabelValues(5)
    endpoint = MetricsEndpoint()
    for name in names:
        assert values(name).isprintable() and len(values(name)) <= 100
        endpoint.attempt_end(Exchange(attempt(), attempts=[ended(name, "failed", "server")]))
    assert len({values(name) for name in names}) <= 6
    assert sum(series(text_of(endpoint), "transcodex_attempts_total").values()) == len(names)


def test_models_that_clients_make_up_do_not_make_series_without_end(proxy_under_test: ProxyUnderTest) -> None:
    for number in range(MOST_VALUES + 3):
        proxy_under_test.post(request_body(f"m-{number}")).upstream_sends(HELLO)
    samples = scraped(proxy_under_test)
    assert len(series(samples, "transcodex_attempts_total")) == MOST_VALUES + 1
    labels = {"provider": "acme", "model": OTHER, "outcome": "answered", "cause": ""}
    assert value(samples, "transcodex_attempts_total", **labels) == 3


def test_nothing_of_what_was_said_and_no_key_is_there(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.post(request_body(input="tell nobody")).upstream_sends(
        refusal(401, b"the key was " + KEY.encode())
    )
    text = proxy_under_test.get("/metrics").to_client.decode()
    assert KEY not in text and "nobody" not in text


# --- who may read them ---


@pytest.mark.parametrize("path", ["/v1/metrics", "/metricsz"])
def test_other_paths_pass_through(proxy_under_test: ProxyUnderTest, path: str) -> None:
    assert proxy_under_test.get(path).to_upstream


def test_who_has_no_token_reads_none(proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_TOKEN", "of-clients")
    proxy_under_test.set(client_token_env="PROXY_TOKEN")
    assert HttpMessage(proxy_under_test.get("/metrics").to_client).status == 401
    allowed = proxy_under_test.get("/metrics", {"x-transcodex-token": "of-clients"})
    assert HttpMessage(allowed.to_client).status == 200


async def test_a_real_proxy_is_scraped_after_exchanges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = EchoUpstream()
    monkeypatch.setenv("ACME_KEY", KEY)
    async with upstream.serving() as port:
        routes = tmp_path / "routes.toml"
        routes.write_text(
            '[[routes]]\nmodels = ["m-*"]\nproviders = ["acme"]\n'
            f'[providers.acme]\nprotocol = "chat"\nbase_url = "http://127.0.0.1:{port}/v1"\nkey_env = ["ACME_KEY"]\n'
        )
        async with live_proxy(f"http://127.0.0.1:{port}", routes) as proxy:
            for model in ("m-1", "m-1", "m-refused"):
                await proxy.send("POST", "/v1/responses", request_body(model), {"content-type": "application/json"})
            response = HttpMessage(await proxy.send("GET", "/metrics", b"", {}))
            head = HttpMessage(await proxy.send("HEAD", "/metrics", b"", {}))
    samples = parsed(response.body.decode())
    assert value(samples, "transcodex_exchanges_total", outcome="answered", cause="") == 2
    assert value(samples, "transcodex_exchanges_total", outcome="failed", cause="auth") == 1
    assert value(samples, "transcodex_exchanges_in_flight") == 0
    assert value(samples, "gen_ai_server_time_to_first_token_seconds_count", **OPERATION) == 2
    assert value(samples, "process_resident_memory_bytes") > 10 << 20
    assert (head.status, head.body) == (200, b"")
