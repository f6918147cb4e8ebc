"""One turn after another: what the user asks reaches the model, and what the model says reaches the user."""

from tests.e2e.codex import CLIENT_KEY, Codex
from tests.e2e.conftest import KEYS, Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import Call, ModelResponse, Reasoning, Text, Usage
from tests.e2e.upstream_messages import instructions, messages_of, tool_names


def test_an_answer_reaches_the_user(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(ModelResponse(Reasoning("A greeting."), Text("Grüße 😀 from upstream")))
    run = codex.exec("say hi", model=endpoint.model)
    assert run.agent_messages == ["Grüße 😀 from upstream"]
    assert [item["text"] for item in run.items("reasoning")] == ["A greeting."]
    assert (run.code, run.errors) == (0, [])


def test_a_person_sees_the_answer_and_no_complaint(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(ModelResponse(Text("hello there")))
    run = codex.plain("say hi", model=endpoint.model)
    assert run.stdout.strip() == "hello there"
    assert "ERROR" not in run.stderr and "rerouted" not in run.stderr


def test_the_question_reaches_the_model(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(ModelResponse(Text("hi")))
    codex.exec("say hi", model=endpoint.model)
    [request] = endpoint.upstream.received
    messages = messages_of(request)
    assert (messages[-1].role, messages[-1].text.endswith("say hi")) == ("user", True)
    assert "You are a coding agent running in the Codex CLI" in instructions(request)
    assert "<permissions instructions>" in instructions(request)
    assert "<environment_context>" in "".join(message.text for message in messages if message.role == "user")
    assert {"exec_command", "view_image", "multi_agent_v1__spawn_agent"} <= set(tool_names(request))


def test_the_upstream_learns_nothing_of_codex_s_own(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(ModelResponse(Text("hi")))
    codex.exec("say hi", model=endpoint.model)
    [request] = endpoint.upstream.received
    private = ("x-codex", "originator", "session", "thread", "chatgpt", "x-openai", "x-client-request-id")
    assert [name for name in request.headers if name.startswith(private)] == []
    assert CLIENT_KEY not in str(request)
    assert request.body["model"] == endpoint.model


def test_tokens_are_counted_as_responses_counts_them(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(ModelResponse(Text("hi"), usage=Usage(input=900, cached=300, output=70, reasoning=30)))
    run = codex.exec("say hi", model=endpoint.model)
    counted = {key: run.usage[key] for key in ("input_tokens", "cached_input_tokens", "output_tokens")}
    assert counted == {"input_tokens": 900, "cached_input_tokens": 300, "output_tokens": 70}


def test_a_second_process_resumes_with_what_was_said_and_thought(endpoint: Endpoint, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "echo seen-$((40+2))"})
    endpoint.upstream.script(
        ModelResponse(Reasoning("I look.\n Twice "), call), ModelResponse(Reasoning("Now I know."), Text("It is 42."))
    )
    codex.exec("look", model=endpoint.model)
    endpoint.upstream.script(ModelResponse(Text("As I said: 42.")))
    run = codex.resume("what was it?", model=endpoint.model)
    assert run.agent_messages == ["As I said: 42."]
    messages = messages_of(endpoint.upstream.received[-1])
    steps = [message for message in messages if message.role == "assistant"]
    assert [(message.thinking, message.text) for message in steps] == [
        ("I look.\n Twice ", ""),
        ("Now I know.", "It is 42."),
    ]
    assert [message.text.endswith("seen-42\n") for message in messages if message.role == "output"] == [True]


def test_a_thread_may_change_its_model_and_takes_no_seal_along(
    chat: Endpoint, anthropic: Endpoint, codex: Codex
) -> None:
    chat.upstream.script(
        ModelResponse(Reasoning("secret of the first"), Call("exec_command", {"cmd": "true"})),
        ModelResponse(Text("First model here.")),
    )
    codex.exec("hello", model=chat.model)
    anthropic.upstream.script(ModelResponse(Reasoning("secret of the second"), Text("Second model here.")))
    assert codex.resume("and you?", model=anthropic.model).agent_messages == ["Second model here."]
    [request] = anthropic.upstream.received
    assert "First model here." in [message.text for message in messages_of(request) if message.role == "assistant"]
    assert "secret of the first" not in str(request.body) and "tcx1." not in str(request.body)
    chat.upstream.script(ModelResponse(Text("First again.")))
    assert codex.resume("back", model=chat.model).agent_messages == ["First again."]
    back = chat.upstream.received[-1]
    assert "secret of the second" not in str(back.body) and "tcx1." not in str(back.body)
    assert "secret of the first" in [message.thinking for message in messages_of(back)]


def test_keys_are_nowhere_but_on_the_wire(endpoint: Endpoint, codex: Codex, proxy: Proxy) -> None:
    endpoint.upstream.script(ModelResponse(Text("hi")))
    codex.exec("say hi", model=endpoint.model)
    assert KEYS[endpoint.name] in str(endpoint.upstream.received[0].headers)
    kept = proxy.log.read_bytes() + proxy.flows.read_bytes()
    assert endpoint.model.encode() in kept
    assert [key for key in KEYS.values() if key.encode() in kept] == []
