"""Who gets a request: sessions side by side, unrouted models, side requests, and Codex's built-in provider."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.codex import CLIENT_KEY, Codex
from tests.e2e.conftest import Endpoint
from tests.e2e.scripted_response import Call, ModelResponse, Reasoning, ScriptedResponse, Text
from tests.e2e.scripted_upstream import ReceivedRequest, ScriptedUpstream, UpstreamKind
from tests.e2e.upstream_messages import Message, instructions, messages_of


def last_user(messages: list[Message]) -> str:
    return next(message.text for message in reversed(messages) if message.role == "user")


def name_of(request: ReceivedRequest) -> str:
    return str(re.findall(r"you are (\w+)", last_user(messages_of(request)))[-1])


def test_two_sessions_at_once_are_told_apart(endpoint: Endpoint, codex: Codex) -> None:
    def choose(request: ReceivedRequest) -> ScriptedResponse:
        name, done = name_of(request), messages_of(request)[-1].role == "output"
        call = Call("exec_command", {"cmd": f"sleep 0.2; echo i-am-{name}"})
        return ModelResponse(Text(f"{name} is done")) if done else ModelResponse(Reasoning(f"I am {name}."), call)

    endpoint.upstream.script_by(choose)
    with ThreadPoolExecutor() as pool:
        runs = pool.map(lambda name: codex.exec(f"you are {name}", model=endpoint.model), ["alice", "bob", "carol"])
    assert [run.agent_messages for run in runs] == [["alice is done"], ["bob is done"], ["carol is done"]]
    seconds = [request for request in endpoint.upstream.received if messages_of(request)[-1].role == "output"]
    assert sorted(map(name_of, seconds)) == ["alice", "bob", "carol"]
    for request in seconds:
        name, (step, output) = name_of(request), messages_of(request)[-2:]
        assert (step.thinking, f"i-am-{name}\n" in output.text) == (f"I am {name}.", True)


def test_a_model_that_nobody_routes_passes_through_with_the_client_s_own_key(
    upstreams: dict[UpstreamKind, ScriptedUpstream], codex: Codex
) -> None:
    target = upstreams["responses"]
    target.script(
        ModelResponse(Reasoning("hm"), Call("exec_command", {"cmd": "true"})),
        ModelResponse(Text("from the target itself")),
    )
    assert codex.exec("hi", model="gpt-nobody").agent_messages == ["from the target itself"]
    first, second = target.received
    assert first.headers["authorization"] == f"Bearer {CLIENT_KEY}"
    assert {"client_metadata", "prompt_cache_key", "include"} <= first.body.keys()
    assert [item["type"] for item in second.body["input"][-3:]] == [
        "reasoning",
        "function_call",
        "function_call_output",
    ]


def test_codex_s_built_in_provider_works_at_our_address(endpoint: Endpoint, codex: Codex) -> None:
    """It tries a websocket first, is told to use POST, and does so without a word."""
    del codex.config["model_provider"]
    codex.config["openai_base_url"] = codex.provider["base_url"]
    endpoint.upstream.script(ModelResponse(Text("built in")))
    run = codex.exec("hi", model=endpoint.model)
    assert (run.agent_messages, run.errors) == (["built in"], [])


def test_a_review_is_answered(endpoint: Endpoint, codex: Codex) -> None:
    (codex.work / "new.py").write_text("print(1)\n")
    endpoint.upstream.script(ModelResponse(Text("No findings.")))
    run = codex.review(model=endpoint.model)
    assert "No findings." in run.stdout
    assert "# Review guidelines" in instructions(endpoint.upstream.received[0])


def test_an_approval_is_judged_by_a_model(endpoint: Endpoint, chat: Endpoint, codex: Codex) -> None:
    """Codex's guardian asks in the middle of a turn, wants JSON, and takes no for an answer.

    It asks the turn's model; that of 0.145 asks one of its own name, which our routes send to `chat`.
    """

    def choose(request: ReceivedRequest) -> ScriptedResponse:
        messages = messages_of(request)
        if "TRANSCRIPT" in last_user(messages):
            return ModelResponse(Reasoning("Risky."), Text('{"outcome": "deny", "rationale": "not in a test"}'))
        command = {"cmd": "touch made", "sandbox_permissions": "require_escalated", "justification": "need it"}
        if messages[-1].role == "output":
            return ModelResponse(Text(f"it said {messages[-1].text}"))
        return ModelResponse(Reasoning("Ask."), Call("exec_command", command))

    providers = {endpoint.name: endpoint.upstream, "chat": chat.upstream}.values()
    for upstream in providers:
        upstream.script_by(choose)
    run = codex.guarded("make it", model=endpoint.model)
    assert "not in a test" in run.agent_messages[-1]
    assert not (codex.work / "made").exists()
    assert sum(len(upstream.received) for upstream in providers) == 3


def agent_id(messages: list[Message]) -> Iterator[str]:
    for message in messages:
        if message.role == "output" and '"agent_id"' in message.text:
            yield re.findall(r'"agent_id":\s*"([^"]+)"', message.text)[0]


def test_an_agent_is_spawned_and_waited_for(endpoint: Endpoint, codex: Codex) -> None:
    def choose(request: ReceivedRequest) -> ScriptedResponse:
        messages = messages_of(request)
        if "count to three" in last_user(messages):
            return ModelResponse(Text("one two three"))
        outputs = [message for message in messages if message.role == "output"]
        match len(outputs):
            case 0:
                return ModelResponse(
                    Reasoning("Delegate."), Call("multi_agent_v1__spawn_agent", {"message": "count to three"})
                )
            case 1:
                return ModelResponse(
                    Reasoning("Wait."), Call("multi_agent_v1__wait_agent", {"targets": list(agent_id(messages))})
                )
            case _:
                return ModelResponse(Text(f"it said {outputs[-1].text}"))

    endpoint.upstream.script_by(choose)
    run = codex.exec("delegate", model=endpoint.model)
    assert "one two three" in run.agent_messages[-1]


def test_agents_of_newer_models_write_each_other(endpoint: Endpoint, codex: Codex) -> None:
    """Their messages are items of a kind of their own."""

    def choose(request: ReceivedRequest) -> ScriptedResponse:
        messages = messages_of(request)
        if any("Message Type: NEW_TASK" in message.text for message in messages if message.role == "user"):
            return ModelResponse(Text("one two three"))
        match len([message for message in messages if message.role == "output"]):
            case 0:
                task = {"task_name": "counting", "message": "count to three"}
                return ModelResponse(Reasoning("Delegate."), Call("collaboration__spawn_agent", task))
            case 1:
                return ModelResponse(Reasoning("Wait."), Call("collaboration__wait_agent", {"timeout_ms": 10_000}))
            case _:
                return ModelResponse(Text(f"it said {last_user(messages)}"))

    endpoint.upstream.script_by(choose)
    run = codex.exec("delegate", model=endpoint.like("gpt-5.6-sol"))
    assert "one two three" in run.agent_messages[-1]


def test_what_codex_asks_beside_its_questions_is_answered(codex: Codex, codex_binary: Path) -> None:
    codex.provider["model_catalog_url"] = f"{codex.provider['base_url']}/models"
    listed = codex.debug_models()
    assert {"chat-listed", "anthropic-listed"} <= {model["slug"] for model in listed}
