"""Who gets a request: sessions side by side, unrouted models, side requests, and Codex's built-in provider."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.answers import Answer, Call, Say, Text, Think
from tests.e2e.codex import CLIENT_KEY, Codex
from tests.e2e.conftest import Side
from tests.e2e.heard import Heard, heard, instructions
from tests.e2e.upstream import Received, Speech, Upstream


def last_user(said: list[Heard]) -> str:
    return next(one.text for one in reversed(said) if one.role == "user")


def name_of(request: Received) -> str:
    return str(re.findall(r"you are (\w+)", last_user(heard(request)))[-1])


def test_two_sessions_at_once_are_told_apart(side: Side, codex: Codex) -> None:
    def choose(request: Received) -> Answer:
        name, done = name_of(request), heard(request)[-1].role == "output"
        call = Call("exec_command", {"cmd": f"sleep 0.2; echo i-am-{name}"})
        return Say(Text(f"{name} is done")) if done else Say(Think(f"I am {name}."), call)

    side.upstream.script_by(choose)
    with ThreadPoolExecutor() as pool:
        runs = pool.map(lambda name: codex.exec(f"you are {name}", model=side.model), ["alice", "bob", "carol"])
    assert [run.said for run in runs] == [["alice is done"], ["bob is done"], ["carol is done"]]
    seconds = [request for request in side.upstream.received if heard(request)[-1].role == "output"]
    assert sorted(map(name_of, seconds)) == ["alice", "bob", "carol"]
    for request in seconds:
        name, (step, output) = name_of(request), heard(request)[-2:]
        assert (step.thinking, f"i-am-{name}\n" in output.text) == (f"I am {name}.", True)


def test_a_model_that_nobody_routes_passes_through_with_the_client_s_own_key(
    upstreams: dict[Speech, Upstream], codex: Codex
) -> None:
    target = upstreams["responses"]
    target.script(Say(Think("hm"), Call("exec_command", {"cmd": "true"})), Say(Text("from the target itself")))
    assert codex.exec("hi", model="gpt-nobody").said == ["from the target itself"]
    first, second = target.received
    assert first.headers["authorization"] == f"Bearer {CLIENT_KEY}"
    assert {"client_metadata", "prompt_cache_key", "include"} <= first.body.keys()
    assert [item["type"] for item in second.body["input"][-3:]] == [
        "reasoning",
        "function_call",
        "function_call_output",
    ]


def test_codex_s_built_in_provider_works_at_our_address(side: Side, codex: Codex) -> None:
    """It tries a websocket first, is told to use POST, and does so without a word."""
    del codex.config["model_provider"]
    codex.config["openai_base_url"] = codex.provider["base_url"]
    side.upstream.script(Say(Text("built in")))
    run = codex.exec("hi", model=side.model)
    assert (run.said, run.told) == (["built in"], [])


def test_a_review_is_answered(side: Side, codex: Codex) -> None:
    (codex.work / "new.py").write_text("print(1)\n")
    side.upstream.script(Say(Text("No findings.")))
    run = codex.review(model=side.model)
    assert "No findings." in run.stdout
    assert "# Review guidelines" in instructions(side.upstream.received[0])


def test_an_approval_is_judged_by_a_model(side: Side, chat: Side, codex: Codex) -> None:
    """Codex's guardian asks in the middle of a turn, wants JSON, and takes no for an answer.

    It asks the turn's model; that of 0.145 asks one of its own name, which our routes send to `chat`.
    """

    def choose(request: Received) -> Answer:
        told = heard(request)
        if "TRANSCRIPT" in last_user(told):
            return Say(Think("Risky."), Text('{"outcome": "deny", "rationale": "not in a test"}'))
        command = {"cmd": "touch made", "sandbox_permissions": "require_escalated", "justification": "need it"}
        if told[-1].role == "output":
            return Say(Text(f"it said {told[-1].text}"))
        return Say(Think("Ask."), Call("exec_command", command))

    asked = {side.name: side.upstream, "chat": chat.upstream}.values()
    for upstream in asked:
        upstream.script_by(choose)
    run = codex.guarded("make it", model=side.model)
    assert "not in a test" in run.said[-1]
    assert not (codex.work / "made").exists()
    assert sum(len(upstream.received) for upstream in asked) == 3


def agent_id(said: list[Heard]) -> Iterator[str]:
    for one in said:
        if one.role == "output" and '"agent_id"' in one.text:
            yield re.findall(r'"agent_id":\s*"([^"]+)"', one.text)[0]


def test_an_agent_is_spawned_and_waited_for(side: Side, codex: Codex) -> None:
    def choose(request: Received) -> Answer:
        told = heard(request)
        if "count to three" in last_user(told):
            return Say(Text("one two three"))
        outputs = [one for one in told if one.role == "output"]
        match len(outputs):
            case 0:
                return Say(Think("Delegate."), Call("multi_agent_v1__spawn_agent", {"message": "count to three"}))
            case 1:
                return Say(Think("Wait."), Call("multi_agent_v1__wait_agent", {"targets": list(agent_id(told))}))
            case _:
                return Say(Text(f"it said {outputs[-1].text}"))

    side.upstream.script_by(choose)
    run = codex.exec("delegate", model=side.model)
    assert "one two three" in run.said[-1]


def test_agents_of_newer_models_write_each_other(side: Side, codex: Codex) -> None:
    """Their messages are items of a kind of their own."""

    def choose(request: Received) -> Answer:
        told = heard(request)
        if any("Message Type: NEW_TASK" in one.text for one in told if one.role == "user"):
            return Say(Text("one two three"))
        match len([one for one in told if one.role == "output"]):
            case 0:
                task = {"task_name": "counting", "message": "count to three"}
                return Say(Think("Delegate."), Call("collaboration__spawn_agent", task))
            case 1:
                return Say(Think("Wait."), Call("collaboration__wait_agent", {"timeout_ms": 10_000}))
            case _:
                return Say(Text(f"it said {last_user(told)}"))

    side.upstream.script_by(choose)
    run = codex.exec("delegate", model=side.like("gpt-5.6-sol"))
    assert "one two three" in run.said[-1]


def test_what_codex_asks_beside_its_questions_is_answered(codex: Codex, codex_binary: Path) -> None:
    codex.provider["model_catalog_url"] = f"{codex.provider['base_url']}/models"
    listed = codex.debug_models()
    assert {"chat-listed", "anthropic-listed"} <= {model["slug"] for model in listed}
