"""The kind of fault in what providers really said, and in what nobody should say."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import errors, jsontext
from converters.errors import Client, Kind

SAID: list[dict[str, Any]] = tomllib.loads((Path(__file__).parents[2] / "data" / "provider_errors.toml").read_text())[
    "errors"
]


@pytest.mark.parametrize(
    "said", SAID, ids=[f"{element['provider']}-{element['status']}-{element['kind']}" for element in SAID]
)
def test_what_providers_say_is_understood(said: dict[str, Any]) -> None:
    fault = errors.read("Acme", said["status"], said.get("headers", {}), said["body"].encode())
    assert (fault.kind, fault.retry_after) == (said["kind"], said.get("retry_after"))


def test_enough_of_what_is_said_has_a_source() -> None:
    assert sum("source" in element for element in SAID) > 150
    assert len({element["body"] for element in SAID}) > 290
    assert len({element["provider"] for element in SAID}) > 50


@pytest.mark.parametrize(
    "said", [element for element in SAID if 400 <= element["status"] < 600 and element["body"].startswith("{")]
)
def test_the_same_words_within_a_stream_mean_the_same(said: dict[str, Any]) -> None:
    """Where its status is told: a gateway writes it into the error object."""
    error = jsontext.loads(said["body"])
    fault = errors.from_stream("Acme", {"status_code": said["status"], "error": error})
    assert fault.kind == said["kind"]


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
    response = errors.client_response(fault, "codex")
    assert response.status == 400
    assert jsontext.loads(response.body)["error"]["code"] == "context_length_exceeded"
    assert errors.in_stream(errors.from_stream("Who", {"message": said}), "codex")["code"] == "context_length_exceeded"


# One row for each error form of the field: status, body, kind, what the user must be able to read.
FORMS: list[tuple[int, Any, Kind, str]] = [
    (401, {"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}, "auth", "Incorrect API key"),
    (400, {"type": "error", "error": {"type": "invalid_request_error", "message": "bad tools"}}, "bad_request", "bad tools"),
    (404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}}, "model_not_found", "claude-9"),
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


# half a megabyte of each, alone and as the message of an error
WORST = [
    *("<style ", "<title", "<script ", "<style>", "</style", "token", "<", "<a>", "< ", "&#9", "&"),
    *("model ", "model: ", "model a", "models/a ", "invalid ", "signature", "encrypted content", "thinking or "),
    *("exceeds the ", "reached the a b ", "insufficient a", "try again in 1", "retry after 1ms ", "wait 9"),
    *('{"error":', '{"message":"', '"message":"', "[", "\\", '{"message":"{'),
]


@pytest.mark.parametrize("piece", WORST)
@pytest.mark.parametrize("form", [b"%b", b'{"error":{"message":"%b"}}', b'{"detail":[{"msg":"%b","type":"x"}]}'])
def test_no_body_takes_long(piece: str, form: bytes) -> None:
    """Nothing is measured here: with a pattern that goes back and forth this would take minutes."""
    body = form % (piece.encode() * (2**19 // len(piece)))
    fault = errors.read("Acme", 429, {}, body)
    assert fault.kind in ("rate_limited", "quota", "context_overflow")
    assert len(fault.message) <= 1000
    errors.blames_thinking(400, body)


STRANGE: list[bytes] = [
    b'{"error":' * 900 + b"1" + b"}" * 900,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"error":{"code":"' + b"9" * 5000 + b'","message":"x"}}',
    b'{"error":{"code":' + b"9" * 5000 + b',"message":"x"}}',
    b'{"error":{"code":' + b"9" * 4000 + b',"message":"\\ud800"}}',
    b'{"error":{"code":1e400,"message":["\xff\xfe"]}}',
    b'{"message":{"detail":[{"loc":[[]],"msg":1}]},"status":[]}',
    b'{"error":{"metadata":{"raw":"{\\"error\\":{\\"metadata\\":{\\"raw\\":3}}}"}}}',
    b"<p>&#" + b"9" * 5000 + b";",
    "\ufeff<html>\u0130<style>x</style>late</html>".encode(),
    b"\x1f\x8b\x08\x00garbage",
    b"\0" * 1000,
]


@pytest.mark.parametrize("body", STRANGE)
@pytest.mark.parametrize("status", [400, 429, 503])
def test_a_strange_body_keeps_its_status_and_its_wait(body: bytes, status: int) -> None:
    fault = errors.read("Acme", status, {"Retry-After": "7"}, body)
    assert fault.kind == {400: "bad_request", 429: "rate_limited", 503: "overloaded"}[status]
    assert fault.retry_after == 7
    assert fault.message.isprintable()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda v: (
            st.lists(v)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "error",
                        "message",
                        "code",
                        "status",
                        "metadata",
                        "raw",
                        "detail",
                        "base_resp",
                        "status_code",
                        "loc",
                        "msg",
                        "retry_after",
                    ]
                ),
                v,
            )
        ),
    )
)
def test_no_error_object_is_too_strange(error: Any) -> None:
    assert errors.from_stream("Acme", error).message.startswith("Acme")


@given(st.integers(400, 599), st.binary(max_size=200))
def test_no_error_page_is_too_strange(status: int, body: bytes) -> None:
    clients: list[Client] = ["codex", "older-codex", "other"]
    for client in clients:
        response = errors.client_response(errors.read("Who", status, {}, body), client)
        assert response.status == 200 or 400 <= response.status < 600
        assert b'"message":"Who answered' in response.body


def test_a_redirect_says_where_it_leads_but_not_what_for() -> None:
    fault = errors.read("Acme", 302, {"Location": "https://login.example.com/a?code=secret"}, b"")
    assert "points to https://login.example.com/a:" in fault.message
    assert "secret" not in fault.message


def test_a_limit_that_lasts_for_hours_is_not_waited_for() -> None:
    fault = errors.read("Acme", 429, {"retry-after": "9000"}, b"slow down")
    assert (fault.kind, fault.retry_after) == ("quota", 9000)
    assert "come back in 3 h" in fault.message


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
