"""What the user reads when a provider refuses or fails, and how often the provider was asked.

The counts were taken with Codex's own retries, which the proxy must not set off in vain.
"""

import json

import pytest

from tests.e2e.codex import Codex
from tests.e2e.conftest import Endpoint
from tests.e2e.scripted_response import Disconnect, ErrorResponse, Json, ModelResponse, Raw, ScriptedResponse, Text

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1><hr>nginx</body></html>"


def error_event(endpoint: Endpoint, message: str, **more: str) -> Raw:
    """An error that comes when the status 200 is already out."""
    body: Json = {"error": {"message": message, **more}}
    if endpoint.name == "anthropic":
        body = {"type": "error", **body}
        return Raw(b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n")
    return Raw(b"data: " + json.dumps(body).encode() + b"\n\n")


def with_own_retries(codex: Codex) -> Codex:
    """Codex retries as it is shipped: four requests within five streams."""
    del codex.provider["request_max_retries"], codex.provider["stream_max_retries"]
    return codex


TERMINAL: list[tuple[ErrorResponse, str]] = [
    (ErrorResponse(400, "tools[3] is odd"), "answered 400: tools[3] is odd"),
    (ErrorResponse(401, "your key is wrong"), "answered 401: your key is wrong"),
    (ErrorResponse(402, "Insufficient Balance"), "answered 402: Insufficient Balance"),
    (ErrorResponse(403, "not for you"), "answered 403: not for you"),
    (
        ErrorResponse(404, "The model `x` does not exist", error={"code": "model_not_found"}),
        "The model `x` does not exist",
    ),
    (ErrorResponse(422, "unprocessable"), "answered 422: unprocessable"),
    (ErrorResponse(413, "request is too large"), "ran out of room in the model's context window"),
    (ErrorResponse(400, "prompt is too long: 9 tokens > 8 maximum"), "ran out of room in the model's context window"),
]


@pytest.mark.parametrize(
    ("refuse", "shown"), TERMINAL, ids=[f"{refuse.status}-{refuse.message}" for refuse, _ in TERMINAL]
)
def test_what_cannot_be_cured_is_told_once_and_readably(
    endpoint: Endpoint, codex: Codex, refuse: ErrorResponse, shown: str
) -> None:
    endpoint.upstream.script(refuse)
    run = with_own_retries(codex).exec("go", model=endpoint.model)
    assert shown in run.failure
    assert "{" not in run.failure, "the user reads words, not JSON"
    assert "Reconnecting" not in str(run.errors)
    assert (len(endpoint.upstream.received), run.code) == (1, 1)


FLEETING: list[tuple[ScriptedResponse, str]] = [
    (ErrorResponse(429, "slow down", headers={"retry-after": "1"}), "429"),
    (ErrorResponse(500, "boom"), "answered 500: boom"),
    (ErrorResponse(502, body=HTML, headers={"content-type": "text/html"}), "answered 502: 502 Bad Gateway"),
    (ErrorResponse(503, "busy", headers={"retry-after": "1"}), "answered 503: busy"),
    (ErrorResponse(529, "Overloaded", headers={"retry-after": "1"}), "answered 529: Overloaded"),
    (Disconnect(), "502 Bad Gateway"),
]
_NAMES = ["429", "500", "502-html", "503", "529", "hang-up"]


@pytest.mark.parametrize(("response", "shown"), FLEETING, ids=_NAMES)
def test_what_may_pass_is_told_so_that_codex_may_retry(
    endpoint: Endpoint, codex: Codex, response: ScriptedResponse, shown: str
) -> None:
    endpoint.upstream.script(response)
    run = codex.exec("go", model=endpoint.model)
    assert shown in run.failure
    assert "<" not in run.failure, "no markup"
    assert len(endpoint.upstream.received) == 1


@pytest.mark.parametrize("response", [response for response, _ in FLEETING], ids=_NAMES)
def test_codex_s_retry_goes_through(endpoint: Endpoint, codex: Codex, response: ScriptedResponse) -> None:
    codex.provider["stream_max_retries"] = 1
    endpoint.upstream.script(response, ModelResponse(Text("second time lucky")))
    run = codex.exec("go", model=endpoint.model)
    assert (run.agent_messages, run.failure) == (["second time lucky"], "")
    assert len(endpoint.upstream.received) == 2


def test_an_overflow_within_the_stream_is_told_once(endpoint: Endpoint, codex: Codex) -> None:
    error = error_event(endpoint, "This model's maximum context length is 9 tokens", type="invalid_request_error")
    endpoint.upstream.script(ModelResponse(Text("I was "), error, ending="silence"))
    run = with_own_retries(codex).exec("go", model=endpoint.model)
    assert "ran out of room in the model's context window" in run.failure
    assert len(endpoint.upstream.received) == 1


def test_an_error_within_the_stream_is_told_in_the_provider_s_words(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(
        ModelResponse(Text("I was "), error_event(endpoint, "the GPU is on fire"), ending="silence")
    )
    run = codex.exec("go", model=endpoint.model)
    assert "the GPU is on fire" in run.failure
    assert run.agent_messages == []


def test_a_provider_s_rate_limit_within_the_stream_is_waited_for(endpoint: Endpoint, codex: Codex) -> None:
    codex.provider["stream_max_retries"] = 1
    error = error_event(endpoint, "Rate limit reached, please try again in 1s", type="rate_limit_error")
    endpoint.upstream.script(ModelResponse(error, ending="silence"), ModelResponse(Text("after the wait")))
    assert codex.exec("go", model=endpoint.model).agent_messages == ["after the wait"]


def test_nobody_listening_is_told_with_the_provider_s_name(codex: Codex) -> None:
    run = codex.exec("go", model="dead-tiny")
    assert "502 Bad Gateway: dead is out of reach" in run.failure


def test_a_missing_key_is_told_with_the_variable_s_name(codex: Codex) -> None:
    run = with_own_retries(codex).exec("go", model="keyless-tiny")
    assert "NO_SUCH_KEY" in run.failure
    assert "Reconnecting" not in str(run.errors)
