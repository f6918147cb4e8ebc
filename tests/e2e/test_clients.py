"""Other clients than Codex: `openai`'s own package, and a reader of the bare stream that forgives nothing."""

import http.client
import json
from collections.abc import Callable, Iterator

import openai
import pytest
from openai.types.responses import ResponseInputParam, ToolParam
from pydantic import BaseModel

from tests.e2e.conftest import Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import Call, ErrorResponse, Json, ModelResponse, Reasoning, Text
from tests.e2e.strict_responses import checked, checked_whole, events

LOOK: ToolParam = {
    "type": "function",
    "name": "look",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
    "strict": False,
}
WRITE: ToolParam = {"type": "custom", "name": "write", "description": "Writes."}
ANSWER = ModelResponse(
    Reasoning("Let me think äöü."),
    Text("I look twice 😀."),
    Call("look", {"at": "the sky"}),
    Call("write", {"input": 'a "poem"\n'}),
)


@pytest.fixture
def client(proxy: Proxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=proxy.base_url, api_key="own-key-of-the-client", max_retries=0) as made:
        yield made


def post(proxy: Proxy, path: str, body: Json) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    read = response.status, response.read()
    connection.close()
    return read


def without_ids(items: list[Json]) -> list[Json]:
    return [{key: value for key, value in item.items() if key not in ("id", "call_id")} for item in items]


def request_body(endpoint: Endpoint, **more: object) -> Json:
    return {"model": endpoint.model, "input": "look", "tools": [LOOK, WRITE], "reasoning": {"effort": "high"}, **more}


def test_the_bare_stream_is_valid_to_the_last_field(endpoint: Endpoint, proxy: Proxy) -> None:
    endpoint.upstream.script(ANSWER)
    status, body = post(proxy, "/v1/responses", request_body(endpoint, stream=True))
    response = checked(events(body))
    assert (status, response["status"]) == (200, "completed")
    assert [item["type"] for item in response["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "custom_tool_call",
    ]
    assert response["output"][3]["input"] == 'a "poem"\n'
    assert response["usage"]["input_tokens"] == 100


def test_a_whole_answer_says_what_the_stream_says(endpoint: Endpoint, proxy: Proxy) -> None:
    endpoint.upstream.script(ANSWER, ANSWER)
    _, streamed = post(proxy, "/v1/responses", request_body(endpoint, stream=True))
    status, body = post(proxy, "/v1/responses", request_body(endpoint))
    response = checked_whole(json.loads(body))
    assert status == 200
    assert without_ids(response["output"]) == without_ids(checked(events(streamed))["output"])


@pytest.mark.parametrize("stop", ["length", "content_filter"])
def test_an_incomplete_answer_is_valid_too(endpoint: Endpoint, proxy: Proxy, stop: str) -> None:
    endpoint.upstream.script(
        ModelResponse(Text("and then"), finish_reason="length" if stop == "length" else "content_filter")
    )
    _, body = post(proxy, "/v1/responses", request_body(endpoint, stream=True))
    response = checked(events(body))
    assert response["status"] == "incomplete"
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    assert response["incomplete_details"] == {"reason": reasons[stop]}


def test_a_broken_answer_is_valid_too(endpoint: Endpoint, proxy: Proxy) -> None:
    endpoint.upstream.script(ModelResponse(Reasoning("Hm."), Text("half a"), ending="drop"))
    _, body = post(proxy, "/v1/responses", request_body(endpoint, stream=True))
    received = events(body)
    assert received[-1]["type"] == "response.failed"
    assert received[-1]["response"]["error"]["code"] == "server_error"


def test_openai_s_package_streams(endpoint: Endpoint, client: openai.OpenAI) -> None:
    endpoint.upstream.script(ANSWER)
    with client.responses.stream(model=endpoint.model, input="look", tools=[LOOK, WRITE]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "I look twice 😀."
    assert [item.arguments for item in final.output if item.type == "function_call"] == ['{"at": "the sky"}']
    assert kinds[-1] == "response.completed"


def test_openai_s_package_runs_a_tool_loop(endpoint: Endpoint, client: openai.OpenAI) -> None:
    endpoint.upstream.script(
        ModelResponse(Reasoning("Hm."), Call("look", {"at": "it"})), ModelResponse(Text("It is blue."))
    )
    first = client.responses.create(
        model=endpoint.model, input="look", tools=[LOOK], include=["reasoning.encrypted_content"]
    )
    [call] = [item for item in first.output if item.type == "function_call"]
    history = [
        {"role": "user", "content": "look"},
        *(item.model_dump(exclude_none=True) for item in first.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "blue"},
    ]
    second = client.responses.create(model=endpoint.model, input=history, tools=[LOOK])  # type: ignore[arg-type]
    assert second.output_text == "It is blue."


class Sky(BaseModel):
    colour: str


def test_openai_s_package_parses_an_answer_of_a_given_form(endpoint: Endpoint, client: openai.OpenAI) -> None:
    endpoint.upstream.script(ModelResponse(Text('{"colour": "blue"}')))
    answer = client.responses.parse(model=endpoint.model, input="how is it?", text_format=Sky)
    assert answer.output_parsed == Sky(colour="blue")
    assert "colour" in json.dumps(endpoint.upstream.received[0].body)


def test_what_a_client_believes_to_be_stored_is_asked_for(endpoint: Endpoint, client: openai.OpenAI) -> None:
    referred: ResponseInputParam = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "go on"}]
    with pytest.raises(openai.BadRequestError, match="store: false") as raised:
        client.responses.create(model=endpoint.model, input=referred)
    assert raised.value.param == "input[0]"


def test_instructions_and_limits_reach_the_model(endpoint: Endpoint, client: openai.OpenAI) -> None:
    endpoint.upstream.script(ModelResponse(Text("hi")))
    client.responses.create(model=endpoint.model, input="hi", instructions="Be brief.", max_output_tokens=5000)
    body = endpoint.upstream.received[0].body
    assert "Be brief." in json.dumps(body.get("system") or body["messages"][0])
    assert body["max_tokens"] == 5000


ERRORS: list[tuple[ErrorResponse, type[openai.APIStatusError], str | None]] = [
    (ErrorResponse(400, "odd"), openai.BadRequestError, "invalid_request_error"),
    (ErrorResponse(401, "wrong key"), openai.AuthenticationError, "invalid_api_key"),
    (ErrorResponse(404, "The model `x` does not exist"), openai.NotFoundError, "model_not_found"),
    (ErrorResponse(429, "slow down", headers={"retry-after": "7"}), openai.RateLimitError, "rate_limit_exceeded"),
    (ErrorResponse(500, "boom"), openai.InternalServerError, "server_error"),
]


@pytest.mark.parametrize(
    ("refuse", "error", "code"), ERRORS, ids=[str(error_response.status) for error_response, _, _ in ERRORS]
)
def test_other_clients_get_the_true_status(
    endpoint: Endpoint, client: openai.OpenAI, refuse: ErrorResponse, error: type[openai.APIStatusError], code: str
) -> None:
    endpoint.upstream.script(refuse)
    with pytest.raises(error, match=refuse.message) as raised:
        client.responses.create(model=endpoint.model, input="hi")
    assert raised.value.code == code
    assert raised.value.response.headers.get("retry-after") == refuse.headers.get("retry-after")


def test_codex_is_told_how_long_to_wait_even_if_the_provider_does_not_say(endpoint: Endpoint, proxy: Proxy) -> None:
    """Codex gives up at once at a 429 without Retry-After."""
    endpoint.upstream.script(ErrorResponse(429, "slow down"))
    codex = openai.OpenAI(
        base_url=proxy.base_url, api_key="x", max_retries=0, default_headers={"originator": "codex_exec"}
    )
    with codex, pytest.raises(openai.RateLimitError) as raised:
        codex.responses.create(model=endpoint.model, input="hi")
    assert int(raised.value.response.headers["retry-after"]) > 0


def test_a_client_that_leaves_takes_the_upstream_s_answer_along(endpoint: Endpoint, client: openai.OpenAI) -> None:
    endpoint.upstream.script(ModelResponse(Text("a long story"), ending="stall"))
    with client.responses.create(model=endpoint.model, input="hi", stream=True) as stream:
        next(event for event in stream if event.type == "response.output_text.delta")
    assert endpoint.upstream.client_left.wait(5)


def test_a_compaction_can_be_asked_for_by_itself(endpoint: Endpoint, proxy: Proxy) -> None:
    endpoint.upstream.script(ModelResponse(Text("It was about the sky.")))
    request = {"model": endpoint.model, "input": [{"role": "user", "content": "the sky is blue"}]}
    status, body = post(proxy, "/v1/responses/compact", request)
    compacted = json.loads(body)
    assert (status, compacted["object"]) == (200, "response.compaction")
    endpoint.upstream.script(ModelResponse(Text("Yes, the sky.")))
    more = [*compacted["output"], {"role": "user", "content": "what was it about?"}]
    post(proxy, "/v1/responses", {"model": endpoint.model, "input": more})
    assert "It was about the sky." in json.dumps(endpoint.upstream.received[-1].body["messages"])


GETS: dict[str, tuple[dict[str, str], int, Callable[[Json], bool]]] = {
    "/health": ({}, 200, lambda body: body["status"] == "ok"),
    "/v1/models": ({}, 200, lambda body: "chat-listed" in [model["id"] for model in body["data"]]),
    "/v1/responses": ({}, 405, lambda body: "POST" in body["error"]["message"]),
}


@pytest.mark.parametrize("path", GETS)
def test_what_is_asked_beside_questions_is_answered(proxy: Proxy, path: str) -> None:
    headers, status, fits = GETS[path]
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    assert (response.status, fits(json.loads(response.read()))) == (status, True)
    connection.close()
