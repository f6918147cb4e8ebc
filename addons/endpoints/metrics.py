"""GET /metrics: what came of exchanges and attempts, for Prometheus; nothing of what was said.

Names, labels and boundaries are those of OpenTelemetry's conventions for generative AI where these have them, in
Prometheus' spelling; an attempt is an operation there. https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from weakref import WeakSet

from mitmproxy import http
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from addons import __version__
from addons.exchange.exchange import Attempt, Exchange
from addons.exchange.flow_metadata import is_attempt
from addons.runtime.printable import printable
from converters.jsontext import Json

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_VALUES = 50
"""Of a label. Each model has a hundred lines, and what is scraped is written out in the event loop."""

OTHER = "other"
_LONGEST_VALUE = 100  # characters

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_MORE_SECONDS = (*_SECONDS, 163.84, 327.68, 655.36)
_TOKEN_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKENS = tuple(4**power for power in range(14))

_OPERATION = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
_CHAT = "chat"  # the conventions' name for what all our protocols do


class LabelValues:
    """The values of a label. Clients name models, so there may be any number: those that come late are `other`."""

    def __init__(self, most: int = MOST_VALUES) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        value = printable(name, _LONGEST_VALUE)
        if value not in self._known and len(self._known) >= self._most:
            return OTHER
        self._known.add(value)
        return value


class Metrics:
    """What is counted, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        Info("transcodex_build", "This program.", registry=self.registry).info({"version": __version__})
        self.in_flight = Gauge("transcodex_exchanges_in_flight", "Exchanges that are not over.", registry=self.registry)
        self.exchanges = self._counter("transcodex_exchanges", "Exchanges that are over.", "outcome", "cause")
        self.exchange_seconds = self._histogram(
            "transcodex_exchange_duration_seconds", "With all attempts and waits.", _MORE_SECONDS, "outcome"
        )
        self.attempts = self._counter(
            "transcodex_attempts", "Attempts that are over.", "provider", "model", "outcome", "cause"
        )
        self.failovers = self._counter(
            "transcodex_failovers", "Attempts after a failed one, maybe at the same provider.", "from", "to", "cause"
        )
        self.losses = self._counter("transcodex_losses", "What could not be converted.", "provider")
        self.cached_tokens = self._counter(
            "transcodex_cached_tokens", "Input tokens that the provider had in its cache.", "provider", "model"
        )
        self.operation_seconds = self._histogram(
            "gen_ai_client_operation_duration_seconds", "How long attempts took.", _SECONDS, *_OPERATION, "error_type"
        )
        self.first_chunk_seconds = self._histogram(
            "gen_ai_client_operation_time_to_first_chunk_seconds", "To the first byte.", _SECONDS, *_OPERATION
        )
        self.first_token_seconds = self._histogram(
            "gen_ai_server_time_to_first_token_seconds", "To text, reasoning or a call.", _TOKEN_SECONDS, *_OPERATION
        )
        self.tokens = self._histogram(
            "gen_ai_client_token_usage", "As the provider counted them.", _TOKENS, *_OPERATION, "gen_ai_token_type"
        )

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(name, what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)

    def collect(self) -> Iterator[Metric]:
        """Without the times at which each series began, which are as many lines again and which nobody asks for."""
        for metric in self.registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class CoolDownCounts(Collector):
    """How many cool-downs began, read where that is counted when the metrics are asked for."""

    def __init__(self, begun: Mapping[str, int]) -> None:
        self._begun = begun

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily("transcodex_cool_downs", "Cool-downs that began.", labels=["provider"])
        for provider, count in self._begun.items():
            family.add_metric([provider], count)
        yield family


class MetricsEndpoint:
    def __init__(self, cool_downs_begun: Mapping[str, int] = MappingProxyType({})) -> None:
        """`cool_downs_begun`: how many, by provider; it grows."""
        self._metrics = Metrics()
        self._metrics.registry.register(CoolDownCounts(cool_downs_begun))
        self._metrics.in_flight.set_function(self._count_in_flight)
        self._began: WeakSet[Exchange] = WeakSet()
        self._model, self._provider = LabelValues(), LabelValues()

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or is_attempt(flow) or flow.request.path.partition("?")[0] != "/metrics":
            return
        # mitmproxy would send the body to who asks for the head alone.
        text = b"" if flow.request.method == "HEAD" else generate_latest(self._metrics)
        flow.response = http.Response.make(200, text, {"content-type": CONTENT_TYPE})

    def next_attempt(self, exchange: Exchange) -> None:
        """Runs before the addon that plans, which may wait."""
        self._began.add(exchange)

    def _count_in_flight(self) -> int:
        """Counted anew each time, by what exchanges say of themselves: a number that is kept would drift."""
        return sum(
            exchange.outcome is None and not exchange.pass_through and exchange.flow.live for exchange in self._began
        )

    def attempt_end(self, exchange: Exchange) -> None:
        attempt = exchange.attempts[-1]
        provider, model = self._provider(attempt.provider_name), self._model(attempt.model)
        self._metrics.attempts.labels(provider, model, str(attempt.outcome), _cause(attempt)).inc()
        if len(exchange.attempts) > 1:
            failed = exchange.attempts[-2]
            self._metrics.failovers.labels(self._provider(failed.provider_name), provider, _cause(failed)).inc()
        self._observe_times(attempt, (_CHAT, provider, model))
        self._observe_usage(attempt.usage, (_CHAT, provider, model))

    def _observe_times(self, attempt: Attempt, operation: tuple[str, str, str]) -> None:
        metrics = self._metrics
        error = "" if attempt.outcome == "answered" else _cause(attempt) or str(attempt.outcome)
        metrics.operation_seconds.labels(*operation, error).observe(_seconds(attempt.started, attempt.ended))
        if attempt.first_byte and attempt.outcome != "refused":
            metrics.first_chunk_seconds.labels(*operation).observe(_seconds(attempt.started, attempt.first_byte))
        if attempt.first_content and attempt.outcome == "answered":
            metrics.first_token_seconds.labels(*operation).observe(_seconds(attempt.started, attempt.first_content))

    def _observe_usage(self, usage: Json | None, operation: tuple[str, str, str]) -> None:
        """`usage` has the form of a Responses API response."""
        match usage:
            case {"input_tokens": int(input_tokens), "output_tokens": int(output_tokens)}:
                self._metrics.tokens.labels(*operation, "input").observe(input_tokens)
                self._metrics.tokens.labels(*operation, "output").observe(output_tokens)
        match usage:
            case {"input_tokens_details": {"cached_tokens": int(cached)}} if cached > 0:
                self._metrics.cached_tokens.labels(*operation[1:]).inc(cached)

    def exchange_end(self, exchange: Exchange) -> None:
        outcome = str(exchange.outcome)
        self._metrics.exchanges.labels(outcome, _cause(exchange)).inc()
        self._metrics.exchange_seconds.labels(outcome).observe(_seconds(exchange.started, exchange.ended))
        if exchange.losses:
            self._metrics.losses.labels(self._provider(exchange.provider_name)).inc(exchange.losses.total)


def _cause(over: Attempt | Exchange) -> str:
    return over.fault.kind if over.fault else ""


def _seconds(start: float, end: float) -> float:
    """The times are the system's, which may be set back meanwhile."""
    return max(0.0, end - start)
