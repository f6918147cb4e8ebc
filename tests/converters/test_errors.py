"""Whose fault it is, and what the client is told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import errors, jsontext, sse
from converters.errors import Fault, Kind, RequestError

OVERFLOWS = [
    "This model's maximum context length is 131072 tokens. However, you requested 140000 tokens",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "the request exceeds the available context size, try increasing it",
    "prompt too long; exceeded max context length by 1024 tokens",
    "too_many_prompt_tokens",
    "Range of input length should be [1, 129024]",
    "model_context_window_exceeded",
]


@pytest.mark.parametrize("said", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 422, 500, 502])
def test_context_overflow_is_recognised_in_all_words(said: str, status: int) -> None:
    fault = errors.read("Who", status, {}, jsontext.dumps({"error": {"message": said}}))
    assert fault.kind == "context_overflow"
    told = errors.answer(fault, "codex")
    assert told.status == 400
    assert jsontext.loads(told.body)["error"]["code"] == "context_length_exceeded"
    assert errors.in_stream(errors.from_stream("Who", {"message": said}), "codex")["code"] == "context_length_exceeded"


# One row for each error form of the field: status, body, kind, what the user must be able to read.
FORMS: list[tuple[int, Any, Kind, str]] = [
    (401, {"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}, "auth", "Incorrect API key"),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "bad tools"}}, "bad_request", "bad tools"),
    (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}}, "bad_request", "claude-9"),
    (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, "model_not_found", "`x`"),
    (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded", "Overloaded"),
    (402, {"error": {"message": "Insufficient Balance"}}, "quota", "Insufficient Balance"),
    (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, "quota", "quota"),
    (429, {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}, "rate_limited", "slow"),
    (502, {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": '{"message":"Assistant message must have content"}'}}}, "server", "Assistant message must have content"),
    (422, {"object": "error", "message": {"detail": [{"msg": "Field required"}]}}, "bad_request", "Field required"),
    (401, {"detail": "Invalid API Key"}, "auth", "Invalid API Key"),
    (400, {"code": "invalid-argument", "error": "Model grok does not support parameter"}, "bad_request", "grok"),
    (500, {"error": "string"}, "server", "string"),
    (400, {"error": {"code": 400, "message": "too big", "type": "exceed_context_size_error"}}, "context_overflow", "too big"),
    (200, {"base_resp": {"status_code": 2013, "status_msg": "invalid params"}}, "bad_request", "invalid params"),
    (400, [{"error": {"code": 400, "message": "in a list"}}], "bad_request", "in a list"),
    (503, "<html><head><title>503 Service Unavailable</title><style>b{}</style></head><body><h1>Sorry</h1></body></html>", "overloaded", "503 Service Unavailable Sorry"),
    (403, "error code: 1010", "auth", "error code: 1010"),
    (500, "", "server", "(no message)"),
    (413, {"error": {"type": "request_too_large", "message": "Request exceeds the maximum size"}}, "context_overflow", "maximum size"),
    (504, {"error": {"message": "timed out"}}, "timeout", "timed out"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "words"), FORMS)
def test_every_error_form_is_read(status: int, body: Any, kind: Kind, words: str) -> None:
    data = body.encode() if isinstance(body, str) else jsontext.dumps(body)
    fault = errors.read("Acme", status, {}, data)
    assert fault.kind == kind
    assert fault.message.startswith(f"Acme answered {status}: ")
    assert words in fault.message
    assert "<" not in fault.message


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
    told = errors.answer(Fault(kind, "why", 403), "codex")
    assert told.status == status
    assert jsontext.loads(told.body)["error"]["code"] == code
    assert "retry-after" not in told.headers


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
    told = errors.answer(Fault(kind, "why"), "older-codex")
    assert (told.status, told.headers["content-type"]) == (200, "text/event-stream")
    [message] = sse.Parser().feed(told.body)
    failed = jsontext.loads(message.data)
    assert (failed["type"], failed["response"]["error"]["code"]) == ("response.failed", code)
    assert "why" in failed["response"]["error"]["message"]


def test_an_older_codex_is_told_by_a_status_what_it_retries_anyway() -> None:
    assert errors.answer(Fault("overloaded", "why"), "older-codex").status == 503


def test_an_older_codex_is_told_within_a_stream_what_cannot_be_converted() -> None:
    told = errors.refusal(RequestError("is not text", param="input[3].content"), "older-codex")
    assert told.status == 200
    assert b'"message":"input[3].content: is not text"' in told.body


@pytest.mark.parametrize(("kind", "status"), [("rate_limited", 429), ("overloaded", 503)])
def test_what_needs_time_says_how_much(kind: Kind, status: int) -> None:
    assert errors.answer(Fault(kind, "why", retry_after=17), "codex").headers["retry-after"] == "17"
    told = errors.answer(Fault(kind, "why"), "codex")
    assert told.status == status
    assert int(told.headers["retry-after"]) > 0


def test_other_clients_get_the_upstreams_own_status() -> None:
    assert errors.answer(Fault("auth", "why", 403), "other").status == 403
    assert errors.answer(Fault("bad_request", "why", 422), "other").status == 422
    assert "retry-after" not in errors.answer(Fault("rate_limited", "why", 429), "other").headers


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"Retry-After": "30"}, "", 30),
        ({"retry-after": "1.5"}, "", 2),
        ({"retry-after-ms": "2500"}, "", 3),
        ({}, "Please try again in 7.66s.", 8),
        ({}, "Please try again in 20ms", 1),
        ({}, "Your quota will reset after 12s", 12),
        ({}, "retry in 2m", 120),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", "Wed, 21 Oct 2026 07:28:00 GMT"),
        ({}, "slow down", None),
    ],
)
def test_the_wait_is_found(headers: dict[str, str], said: str, seconds: int | str | None) -> None:
    fault = errors.read("Who", 429, headers, jsontext.dumps({"error": {"message": said}}))
    assert fault.retry_after == seconds


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "Overloaded"}, "overloaded"),
        ({"message": "x", "code": 502}, "server"),
        ({"message": "tool call validation failed", "code": "tool_use_failed", "status_code": 400}, "bad_request"),
        ({"type": "server_error", "message": "Insufficient Balance", "statusCode": 402}, "quota"),
        ({"type": "rate_limit_error", "message": "slow"}, "rate_limited"),
        ({"type": "authentication_error", "message": "no"}, "auth"),
        ("just words", "server"),
        (None, "server"),
        ([], "server"),
    ],
)
def test_errors_within_a_stream_are_read(error: Any, kind: Kind) -> None:
    assert errors.from_stream("Who", error).kind == kind


def test_codex_reads_the_wait_from_the_text_within_a_stream() -> None:
    told = errors.in_stream(Fault("rate_limited", "slow", retry_after=9), "codex")
    assert told["code"] == "rate_limit_exceeded"
    assert "try again in 9s" in told["message"]


def test_a_request_that_cannot_be_converted_is_refused_with_its_place() -> None:
    told = errors.refusal(RequestError("is not text", param="input[3].content"), "codex")
    error = jsontext.loads(told.body)["error"]
    assert told.status == 400
    assert (error["code"], error["param"]) == ("invalid_prompt", "input[3].content")
    assert error["message"] == "input[3].content: is not text"


@given(st.integers(400, 599), st.binary(max_size=200))
def test_no_error_page_is_too_strange(status: int, body: bytes) -> None:
    for client in ("codex", "other"):
        told = errors.answer(errors.read("Who", status, {}, body), client)
        assert 400 <= told.status < 600
        assert jsontext.loads(told.body)["error"]["message"]


@pytest.mark.parametrize(
    "said",
    [
        {"code": "invalid_encrypted_content", "message": "x"},
        {"message": "The encrypted content gAAA... could not be verified."},
        {"message": "messages.1.content.0: Invalid `signature` in `thinking` block"},
        {"message": "messages.3.content.0.thinking.signature: Field required"},
        {"message": "`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified"},
        {"message": "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false."},
    ],
)
def test_a_refusal_for_earlier_thinking_is_recognised(said: Any) -> None:
    assert errors.blames_thinking(400, jsontext.dumps({"error": said}))
    assert not errors.blames_thinking(500, jsontext.dumps({"error": said}))


@pytest.mark.parametrize(
    "said", ["bad tools", "This model does not support thinking", "Function call is missing a thought_signature", ""]
)
def test_other_refusals_are_not_for_earlier_thinking(said: str) -> None:
    assert not errors.blames_thinking(400, jsontext.dumps({"error": {"message": said}}))


def test_what_is_told_of_an_error_is_cut() -> None:
    body = b'{"error":{"message":"' + b"x" * 60_000 + b'"}}'
    assert len(errors.read("acme", 400, {}, body).message) < 1100
    assert len(errors.from_stream("acme", {"message": "x" * 60_000}).message) < 1100
