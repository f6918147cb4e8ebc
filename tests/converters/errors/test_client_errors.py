"""What each sort of client is told of a fault."""

import re

import pytest

from converters import errors, jsontext, sse
from converters.errors import Client, Fault, Kind, RequestError


# What Codex does with a status and code: shows and stops (400 with a code it knows), or waits and retries.
@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("bad_request", 400, "invalid_prompt"),
        ("auth", 400, "invalid_prompt"),
        ("quota", 400, "invalid_prompt"),
        ("model_not_found", 400, "model_not_found"),
        ("content_policy", 400, "content_policy_violation"),
        ("context_overflow", 400, "context_length_exceeded"),
    ],
)
def test_what_cannot_be_cured_is_told_to_codex_at_once(kind: Kind, status: int, code: str) -> None:
    response = errors.client_response(Fault(kind, "why", 403), "codex")
    assert response.status == status
    assert jsontext.loads(response.body)["error"]["code"] == code
    assert "retry-after" not in response.headers


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("bad_request", "invalid_prompt"),
        ("model_not_found", "invalid_prompt"),
        ("context_overflow", "context_length_exceeded"),
        ("rate_limited", "rate_limit_exceeded"),
    ],
)
def test_an_older_codex_is_told_within_a_stream_what_it_would_not_read_in_a_status(kind: Kind, code: str) -> None:
    response = errors.client_response(Fault(kind, "why"), "older-codex")
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    [message] = sse.Parser().feed(response.body)
    failed = jsontext.loads(message.data)
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", code)
    assert "why" in failed["response"]["error"]["message"]


def test_an_older_codex_is_told_by_a_status_what_it_retries_anyway() -> None:
    assert errors.client_response(Fault("overloaded", "why"), "older-codex").status == 503


def test_an_older_codex_is_told_within_a_stream_what_cannot_be_converted() -> None:
    response = errors.refusal(RequestError("is not text", param="input[3].content"), "older-codex")
    assert response.status == 200
    assert b'"message":"input[3].content: is not text"' in response.body


@pytest.mark.parametrize(("kind", "status"), [("rate_limited", 429), ("overloaded", 503)])
def test_what_needs_time_says_how_much(kind: Kind, status: int) -> None:
    assert errors.client_response(Fault(kind, "why", retry_after=17), "codex").headers["retry-after"] == "17"
    response = errors.client_response(Fault(kind, "why"), "codex")
    assert response.status == status
    assert int(response.headers["retry-after"]) > 0


def test_other_clients_get_the_upstreams_own_status() -> None:
    assert errors.client_response(Fault("auth", "why", 403), "other").status == 403
    assert errors.client_response(Fault("bad_request", "why", 422), "other").status == 422
    assert "retry-after" not in errors.client_response(Fault("rate_limited", "why", 429), "other").headers


def test_codex_reads_the_wait_from_the_text_within_a_stream() -> None:
    error = errors.in_stream(Fault("rate_limited", "slow", retry_after=9), "codex")
    assert error["code"] == "rate_limit_exceeded"
    assert "try again in 9s" in error["message"]


def test_a_wait_that_the_upstream_has_told_is_not_told_twice() -> None:
    message = "Rate limit reached. Please try again in 9s."
    assert errors.in_stream(Fault("rate_limited", message, retry_after=9), "codex")["message"] == message


def test_a_request_that_cannot_be_converted_is_refused_with_its_place() -> None:
    response = errors.refusal(RequestError("is not text", param="input[3].content"), "codex")
    error = jsontext.loads(response.body)["error"]
    assert response.status == 400
    assert (error["code"], error["param"]) == ("invalid_prompt", "input[3].content")
    assert error["message"] == "input[3].content: is not text"


@pytest.mark.parametrize("status", [100, 302, 307, 407, 600, 999])
@pytest.mark.parametrize("client", ["codex", "older-codex", "other"])
def test_no_client_is_told_a_status_that_is_not_for_it(status: int, client: Client) -> None:
    response = errors.client_response(errors.read("Acme", status, {}, b"go away"), client)
    assert response.status in (200, 400, 502)
    assert b"Acme answered %d" % status in response.body
    assert client != "other" or response.status == 502


def test_what_a_client_is_told_is_one_readable_line() -> None:
    response = errors.client_response(errors.read("Acme", 400, {}, b"no\n\x1b[31m" + b"x" * 100_000), "codex")
    message = jsontext.loads(response.body)["error"]["message"]
    assert message.startswith("Acme answered 400: no [31mxxx")
    assert message.isprintable()
    assert len(message) <= 1000


def test_our_own_words_keep_their_lines_and_nothing_worse() -> None:
    refused = errors.refusal(RequestError("no\n  \x1b[2Jmodel" + "x" * 10**6, param="model"), "other")
    message = jsontext.loads(refused.body)["error"]["message"]
    assert message.startswith("model: no\n   [2Jmodelxxx")
    assert len(message) <= 4000


@pytest.mark.parametrize("kind", ["rate_limited", "overloaded", "server", "timeout"])
@pytest.mark.parametrize("client", ["codex", "older-codex", "other"])
def test_nobody_is_sent_to_wait_for_longer_than_an_hour(kind: Kind, client: Client) -> None:
    """Codex would wait without a word."""
    fault = Fault(kind, "come back next month", 503, 30 * 86_400)
    response = errors.client_response(fault, client)
    assert int(response.headers.get("retry-after", "0")) <= 3600
    assert "2592000" not in str(errors.in_stream(fault, client)) + str(response.body)


@pytest.mark.parametrize(
    "said",
    [
        "Please try again in 2592000s.",
        "Please try again in 99999999999s.",
        "TRY AGAIN IN 99999999s",
        "try again in 99999999s, or try again in 5s",
        "try again in 2 days",
    ],
)
@pytest.mark.parametrize("client", ["codex", "older-codex", "other"])
def test_the_wait_that_codex_reads_first_is_the_one_that_is_meant(said: str, client: Client) -> None:
    fault = errors.from_stream("Acme", {"message": said, "code": "rate_limit_exceeded"})
    error = errors.in_stream(fault, client)
    waits = re.findall(r"(?i)try again in\s*([0-9.]+)\s*(s|ms|seconds?|m|d)", error["message"])
    assert error["code"] != "rate_limit_exceeded" or (float(waits[0][0]) <= 3600 and waits[0][1] == "s")


def test_a_limit_of_days_that_a_stream_tells_is_a_used_up_quota() -> None:
    fault = errors.from_stream("Acme", {"message": "slow down", "code": "rate_limit_exceeded", "retry_after": 7200})
    assert (fault.kind, fault.message) == ("quota", "Acme (come back in 2 h): slow down")
