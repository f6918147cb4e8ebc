import gzip
import json

import pytest
from mitmproxy import flow, http
from mitmproxy.test import tflow

from addons.cases.case_metadata import UpstreamFault
from addons.exchange.flow_metadata import ATTEMPT, CHUNKS, EXCHANGE, FAULT, SIDE, SPEC, TIMES
from addons.recording.recorder import (
    FlowSnapshot,
    NoCase,
    RecordedExchange,
    RecordedFlow,
    case_of,
    exchanges,
    protocol_of,
)
from converters.errors import Kind
from tests.addons.example_cases import REFUSAL, RESPONSE_CHUNKS, case, flows_of, three_attempts


def exchanged() -> RecordedExchange:
    attempt, client = flows_of(case())
    return RecordedExchange(client, attempt)


def refused(recorded: RecordedExchange) -> str:
    with pytest.raises(NoCase) as why:
        case_of(recorded)
    return str(why.value)


def test_flows_become_the_case_that_they_were() -> None:
    made, original = case_of(exchanged(), "A test."), case()
    assert made.differing(original) == []
    assert made.metadata.route == original.metadata.route
    assert (made.metadata.chunks, made.metadata.now, made.metadata.client) == (
        original.metadata.chunks,
        1_790_000_000,
        "codex",
    )


def test_codex_s_version_is_in_its_user_agent() -> None:
    recorded = exchanged()
    recorded.client.request.headers["user-agent"] = "codex-tui/0.169.0-alpha.1 (Debian; x86_64) xterm"
    assert case_of(recorded).metadata.codex == "0.169.0-alpha.1"


def test_another_client_has_no_version_of_codex() -> None:
    recorded = exchanged()
    recorded.client.request.headers["user-agent"] = "OpenAI/3.52.0"
    route = json.loads(recorded.attempt.metadata[SPEC]) | {"client": "other"}
    recorded.attempt.metadata[SPEC] = json.dumps(route)
    assert case_of(recorded).metadata.codex == ""


def test_times_are_kept_with_the_pieces() -> None:
    recorded = exchanged()
    for times in ([1, 20, 21], "1 20 21"):  # older saved flows have lists
        recorded.attempt.metadata[TIMES] = times
        assert case_of(recorded).metadata.times == (1, 20, 21)


def test_a_response_is_kept_as_it_is_without_its_encoding() -> None:
    recorded = exchanged()
    assert recorded.attempt.response is not None
    packed = gzip.compress(b"".join(RESPONSE_CHUNKS))
    recorded.attempt.response.headers["content-encoding"] = "gzip"
    recorded.attempt.response.raw_content = packed
    recorded.attempt.metadata[CHUNKS] = f"10 {len(packed) - 10}"
    made = case_of(recorded)
    assert made.upstream_body == b"".join(RESPONSE_CHUNKS)
    assert sum(made.metadata.chunks) == len(made.upstream_body)


def test_a_refusal_is_a_case() -> None:
    attempt, client = flows_of(case(pieces=(REFUSAL,), status=429))
    assert case_of(RecordedExchange(client, attempt)).metadata.status == 429


def break_off(attempt: RecordedFlow, kind: str, message: str) -> None:
    attempt.error = flow.Error(message)
    attempt.metadata[FAULT] = json.dumps({"kind": kind, "message": message})


@pytest.mark.parametrize("kind", ["unreachable", "timeout", "cut", "bad_request", "server"])
def test_what_broke_an_attempt_is_what_its_flow_says(kind: Kind) -> None:
    recorded = exchanged()
    break_off(recorded.attempt, kind, "acme broke off: reset")
    assert case_of(recorded).metadata.fault == UpstreamFault(kind=kind, message="acme broke off: reset")


def test_what_a_response_says_of_its_failure_is_in_the_response() -> None:
    recorded = exchanged()
    recorded.attempt.metadata[FAULT] = json.dumps({"kind": "server", "message": "acme said no"})
    assert case_of(recorded).metadata.fault is None


def test_an_upstream_that_never_answered_has_no_status() -> None:
    recorded = exchanged()
    recorded.attempt.response = None
    break_off(recorded.attempt, "unreachable", "acme is out of reach: refused")
    made = case_of(recorded)
    assert (made.metadata.status, made.upstream_response) == (None, None)


def test_what_cannot_become_a_case_says_why() -> None:
    left, running, old, odd, broken = (exchanged() for _ in range(5))
    left.attempt.error = flow.Error("client disconnected")
    running.client.response = None
    del old.attempt.metadata[SPEC]
    odd.client.request.headers["content-encoding"] = "rot13"
    assert refused(left) == "the client left before the end"
    assert refused(running) == "it is not over"
    assert "another version" in refused(old)
    broken.attempt.error = flow.Error("acme broke off: reset")
    assert "another version" in refused(broken)
    assert "rot13" in refused(odd)


def test_either_side_leads_to_the_exchange() -> None:
    attempt, client = flows_of(case())
    for chosen in ([client], [attempt], [client, attempt]):
        assert list(exchanges(chosen, [attempt, client])) == [RecordedExchange(client, attempt)]


def attempts(client: http.HTTPFlow) -> list[http.HTTPFlow]:
    """A first one that failed, and a second."""
    both = []
    for start in (1.0, 2.0):
        recorded, _ = flows_of(case())
        recorded.metadata[EXCHANGE] = client.id
        recorded.request.timestamp_start = start
        both.append(recorded)
    return both


def test_of_several_attempts_the_last_is_the_response_unless_another_is_chosen() -> None:
    _, client = flows_of(case())
    first, second = attempts(client)
    known = [second, first, client]
    assert list(exchanges([client], known)) == [RecordedExchange(client, second)]
    assert list(exchanges([first], known)) == [RecordedExchange(client, first)]


def test_what_is_missing_is_named() -> None:
    attempt, client = flows_of(case())
    [no_client] = exchanges([attempt], [attempt])
    [no_attempt] = exchanges([client], [client])
    del client.metadata[SIDE]
    [passed] = exchanges([client], [client])
    assert str(no_client) == "the client's side of it is not among the flows"
    assert str(no_attempt) == "the provider's side of it is not among the flows"
    assert "passed through" in str(passed)


def test_an_exchange_knows_its_protocol() -> None:
    recorded = exchanged()
    assert protocol_of(recorded) == "chat"
    recorded.attempt.metadata.clear()
    assert protocol_of(recorded) == ""


def test_what_is_no_exchange_is_left_out_beside_one() -> None:
    attempt, client = flows_of(case())
    health = tflow.tflow(resp=True)
    assert list(exchanges([health, attempt, client], [health, attempt, client])) == [RecordedExchange(client, attempt)]


@pytest.mark.parametrize("read", [1, 2, 3])
def test_the_attempt_that_the_client_read_becomes_the_case(read: int) -> None:
    *attempts, client = three_attempts(read)
    for known in ([client, *attempts], [*reversed(attempts), client]):
        [recorded] = exchanges([client], known)
        assert isinstance(recorded, RecordedExchange)
        assert recorded == RecordedExchange(client, attempts[read - 1])
        made = case_of(recorded)
        assert made.client_response == made.renewed().client_response


def test_without_a_word_of_it_the_last_attempt_was_read() -> None:
    *attempts, client = flows = three_attempts(read=1)
    for side in flows:
        del side.metadata[ATTEMPT]  # as in flows that an older version has saved
    assert list(exchanges([client], [client, *attempts])) == [RecordedExchange(client, attempts[2])]


def test_what_would_have_been_read_of_a_failed_attempt_is_made_anew() -> None:
    refusal, _, _, client = three_attempts()
    [recorded] = exchanges([refusal], [refusal, client])
    assert isinstance(recorded, RecordedExchange) and not recorded.is_read
    made = case_of(recorded)
    assert (made.metadata.status, made.metadata.told.status) == (
        429,
        case(pieces=(REFUSAL,), status=429).metadata.told.status,
    )
    assert made.differing(made.renewed()) == []


def test_without_the_attempt_that_was_read_there_is_no_case() -> None:
    refusal, cut, _, client = three_attempts()
    [missing] = exchanges([client], [refusal, cut, client])
    assert str(missing) == "the provider's side of it is not among the flows"
    client.metadata[ATTEMPT] = 0
    [refused_here] = exchanges([client], [refusal, cut, client])
    assert "was refused" in str(refused_here)


def test_a_snapshot_knows_as_well_what_was_read() -> None:
    refusal, _, answered, client = three_attempts()
    snapshots = [RecordedExchange(FlowSnapshot.of(client), FlowSnapshot.of(side)) for side in (refusal, answered)]
    assert [snapshot.is_read for snapshot in snapshots] == [False, True]
