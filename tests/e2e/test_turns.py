"""One turn after another: what the user asks reaches the model, and what the model says reaches the user."""

from tests.e2e.answers import Call, Say, Text, Think, Usage
from tests.e2e.codex import CLIENT_KEY, Codex
from tests.e2e.conftest import KEYS, Side
from tests.e2e.heard import heard, instructions, tool_names
from tests.e2e.proxy import Proxy


def test_an_answer_reaches_the_user(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Think("A greeting."), Text("Grüße 😀 from upstream")))
    run = codex.exec("say hi", model=side.model)
    assert run.said == ["Grüße 😀 from upstream"]
    assert [item["text"] for item in run.items("reasoning")] == ["A greeting."]
    assert (run.code, run.told) == (0, [])


def test_a_person_sees_the_answer_and_no_complaint(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Text("hello there")))
    run = codex.plain("say hi", model=side.model)
    assert run.stdout.strip() == "hello there"
    assert "ERROR" not in run.stderr and "rerouted" not in run.stderr


def test_the_question_reaches_the_model(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Text("hi")))
    codex.exec("say hi", model=side.model)
    [request] = side.upstream.received
    told = heard(request)
    assert (told[-1].role, told[-1].text.endswith("say hi")) == ("user", True)
    assert "You are a coding agent running in the Codex CLI" in instructions(request)
    assert "<permissions instructions>" in instructions(request)
    assert "<environment_context>" in "".join(one.text for one in told if one.role == "user")
    assert {"exec_command", "view_image", "multi_agent_v1__spawn_agent"} <= set(tool_names(request))


def test_the_upstream_learns_nothing_of_codex_s_own(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Text("hi")))
    codex.exec("say hi", model=side.model)
    [request] = side.upstream.received
    private = ("x-codex", "originator", "session", "thread", "chatgpt", "x-openai", "x-client-request-id")
    assert [name for name in request.headers if name.startswith(private)] == []
    assert CLIENT_KEY not in str(request)
    assert request.body["model"] == side.model


def test_tokens_are_counted_as_responses_counts_them(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Text("hi"), usage=Usage(input=900, cached=300, output=70, reasoning=30)))
    run = codex.exec("say hi", model=side.model)
    counted = {key: run.usage[key] for key in ("input_tokens", "cached_input_tokens", "output_tokens")}
    assert counted == {"input_tokens": 900, "cached_input_tokens": 300, "output_tokens": 70}


def test_a_second_process_resumes_with_what_was_said_and_thought(side: Side, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "echo seen-$((40+2))"})
    side.upstream.script(Say(Think("I look.\n Twice "), call), Say(Think("Now I know."), Text("It is 42.")))
    codex.exec("look", model=side.model)
    side.upstream.script(Say(Text("As I said: 42.")))
    run = codex.resume("what was it?", model=side.model)
    assert run.said == ["As I said: 42."]
    told = heard(side.upstream.received[-1])
    steps = [one for one in told if one.role == "assistant"]
    assert [(one.thinking, one.text) for one in steps] == [("I look.\n Twice ", ""), ("Now I know.", "It is 42.")]
    assert [one.text.endswith("seen-42\n") for one in told if one.role == "output"] == [True]


def test_a_thread_may_change_its_model_and_takes_no_seal_along(chat: Side, anthropic: Side, codex: Codex) -> None:
    chat.upstream.script(
        Say(Think("secret of the first"), Call("exec_command", {"cmd": "true"})), Say(Text("First model here."))
    )
    codex.exec("hello", model=chat.model)
    anthropic.upstream.script(Say(Think("secret of the second"), Text("Second model here.")))
    assert codex.resume("and you?", model=anthropic.model).said == ["Second model here."]
    [asked] = anthropic.upstream.received
    assert "First model here." in [one.text for one in heard(asked) if one.role == "assistant"]
    assert "secret of the first" not in str(asked.body) and "tcx1." not in str(asked.body)
    chat.upstream.script(Say(Text("First again.")))
    assert codex.resume("back", model=chat.model).said == ["First again."]
    back = chat.upstream.received[-1]
    assert "secret of the second" not in str(back.body) and "tcx1." not in str(back.body)
    assert "secret of the first" in [one.thinking for one in heard(back)]


def test_keys_are_nowhere_but_on_the_wire(side: Side, codex: Codex, proxy: Proxy) -> None:
    side.upstream.script(Say(Text("hi")))
    codex.exec("say hi", model=side.model)
    assert KEYS[side.name] in str(side.upstream.received[0].headers)
    kept = proxy.log.read_bytes() + proxy.flows.read_bytes()
    assert side.model.encode() in kept
    assert [key for key in KEYS.values() if key.encode() in kept] == []
