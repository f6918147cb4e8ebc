"""Every kind of tool that Codex has: the model calls it by the name it was offered, and Codex does the work."""

import base64
import json
import sys
from pathlib import Path

from tests.e2e.codex import Codex
from tests.e2e.conftest import Endpoint
from tests.e2e.proxy import Proxy
from tests.e2e.scripted_response import Call, ModelResponse, Reasoning, Text
from tests.e2e.upstream_messages import messages_of, tool_names

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"
)
PATCH = '*** Begin Patch\n*** Add File: poem.txt\n+roses are red\n+"quoted" \\ and äöü\n*** End Patch\n'


def outputs(endpoint: Endpoint) -> list[str]:
    return [message.text for message in messages_of(endpoint.upstream.received[-1]) if message.role == "output"]


def test_a_command_runs_and_its_output_follows_the_call(endpoint: Endpoint, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "echo out-$((6*7)) > made.txt; cat made.txt"})
    endpoint.upstream.script(
        ModelResponse(Reasoning("I run it."), Text("Let me look."), call), ModelResponse(Text("It said 42."))
    )
    run = codex.exec("run it", model=endpoint.model)
    assert run.agent_messages == ["Let me look.", "It said 42."]
    assert (codex.work / "made.txt").read_text() == "out-42\n"
    messages = messages_of(endpoint.upstream.received[1])
    assert [message.role for message in messages[-2:]] == ["assistant", "output"]
    assert (messages[-2].thinking, messages[-2].text, messages[-2].calls[0][0]) == (
        "I run it.",
        "Let me look.",
        "exec_command",
    )
    assert messages[-1].text.endswith("Output:\nout-42\n")


def test_two_calls_of_one_answer_both_run(endpoint: Endpoint, codex: Codex) -> None:
    calls = [Call("exec_command", {"cmd": f"echo {name}"}) for name in ("first", "second")]
    endpoint.upstream.script(ModelResponse(Reasoning("Both."), *calls), ModelResponse(Text("done")))
    assert codex.exec("run both", model=endpoint.model).agent_messages == ["done"]
    messages = messages_of(endpoint.upstream.received[1])
    assert [message.role for message in messages[-3:]] == ["assistant", "output", "output"]
    assert [message.text.split("Output:\n")[1] for message in messages[-2:]] == ["first\n", "second\n"]


def test_a_session_is_written_to(endpoint: Endpoint, codex: Codex) -> None:
    """write_stdin takes an integer that the model read in an output: numbers survive both ways."""
    start = Call("exec_command", {"cmd": "read line; echo got:$line", "tty": True, "yield_time_ms": 300})
    endpoint.upstream.script(ModelResponse(Reasoning("Start."), start))
    endpoint.upstream.script_next(
        lambda request: ModelResponse(Reasoning("Write."), _write(messages_of(request)[-1].text))
    )
    endpoint.upstream.script(ModelResponse(Text("done")))
    assert codex.exec("talk to it", model=endpoint.model).agent_messages == ["done"]
    assert "got:hello" in outputs(endpoint)[-1]


def _write(output: str) -> Call:
    session = int(output.split("session ID ")[1].split()[0])
    return Call("write_stdin", {"session_id": session, "chars": "hello\n", "yield_time_ms": 1000})


def test_a_freeform_patch_changes_files(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(
        ModelResponse(Reasoning("I write."), Call("apply_patch", {"input": PATCH})), ModelResponse(Text("written"))
    )
    run = codex.exec("write a poem", model=endpoint.like("gpt-5.5"))
    assert run.agent_messages == ["written"]
    assert (codex.work / "poem.txt").read_text() == 'roses are red\n"quoted" \\ and äöü\n'
    assert "Success. Updated the following files:\nA poem.txt" in outputs(endpoint)[0]
    assert [call for message in messages_of(endpoint.upstream.received[1]) for call in message.calls] == [
        ("apply_patch", {"input": PATCH})
    ]


def test_our_own_list_of_models_offers_freeform_patches(endpoint: Endpoint, codex: Codex, proxy: Proxy) -> None:
    codex.provider["model_catalog_url"] = f"{proxy.base_url}/models"
    endpoint.upstream.script(ModelResponse(Call("apply_patch", {"input": PATCH})), ModelResponse(Text("written")))
    run = codex.exec("write a poem", model=f"{endpoint.name}-listed")
    assert run.agent_messages == ["written"]
    assert (codex.work / "poem.txt").exists()
    assert run.items("error") == []


def test_a_patch_in_a_heredoc_changes_files(endpoint: Endpoint, codex: Codex) -> None:
    """How models without the freeform tool do it; Codex takes it out of the command."""
    call = Call("exec_command", {"cmd": f"apply_patch <<'EOF'\n{PATCH}EOF\n"})
    endpoint.upstream.script(ModelResponse(Reasoning("I write."), call), ModelResponse(Text("written")))
    codex.exec("write a poem", model=endpoint.model)
    assert (codex.work / "poem.txt").exists()


def test_a_tool_of_an_mcp_server_is_called_in_its_namespace(endpoint: Endpoint, codex: Codex) -> None:
    server = Path(__file__).with_name("mcp_server.py")
    codex.config |= {"mcp_servers.probe.command": sys.executable, "mcp_servers.probe.args": [str(server)]}
    endpoint.upstream.script(
        ModelResponse(Reasoning("Adding."), Call("mcp__probe__add_up", {"a": 2, "b": 40})), ModelResponse(Text("42"))
    )
    run = codex.exec("add", model=endpoint.model)
    assert "mcp__probe__add_up" in tool_names(endpoint.upstream.received[0])
    [item] = run.items("mcp_tool_call")
    assert (item["server"], item["status"]) == ("probe", "completed")
    assert "the sum is 42" in outputs(endpoint)[0]
    assert ("mcp__probe__add_up", {"a": 2, "b": 40}) in messages_of(endpoint.upstream.received[1])[-2].calls


def test_an_image_that_the_model_looks_at_reaches_it(endpoint: Endpoint, codex: Codex) -> None:
    picture = codex.work / "red.png"
    picture.write_bytes(PNG)
    endpoint.upstream.script(
        ModelResponse(Reasoning("Look."), Call("view_image", {"path": str(picture)})), ModelResponse(Text("It is red."))
    )
    assert codex.exec("what colour?", model=endpoint.model).agent_messages == ["It is red."]
    [image] = [url for message in messages_of(endpoint.upstream.received[1]) for url in message.images]
    assert image.startswith("data:image/png;base64,")
    assert base64.b64encode(PNG).decode() not in str(
        [message.text for message in messages_of(endpoint.upstream.received[1])]
    )


def test_an_image_is_looked_at_in_the_detail_that_the_model_wants(endpoint: Endpoint, codex: Codex) -> None:
    """Before 0.169 `view_image` offers gpt-5.5 the choice; since then Codex makes it."""
    picture = codex.work / "red.png"
    picture.write_bytes(PNG)
    look = Call("view_image", {"path": str(picture), "detail": "original"})
    endpoint.upstream.script(ModelResponse(Reasoning("Look closely."), look), ModelResponse(Text("It is red.")))
    assert codex.exec("what colour?", model=endpoint.like("gpt-5.5")).agent_messages == ["It is red."]
    assert len([url for message in messages_of(endpoint.upstream.received[1]) for url in message.images]) == 1


def test_an_image_of_the_user_reaches_the_model(endpoint: Endpoint, codex: Codex) -> None:
    picture = codex.work / "red.png"
    picture.write_bytes(PNG)
    endpoint.upstream.script(ModelResponse(Text("red")))
    codex.exec("what colour?", f"--image={picture}", model=endpoint.model)
    assert len([url for message in messages_of(endpoint.upstream.received[0]) for url in message.images]) == 1


def test_the_answer_s_schema_is_asked_for(endpoint: Endpoint, codex: Codex) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    (codex.work / "schema.json").write_text(json.dumps(schema))
    endpoint.upstream.script(ModelResponse(Text('{"answer": "yes"}')))
    run = codex.exec("yes or no?", f"--output-schema={codex.work / 'schema.json'}", model=endpoint.model)
    assert run.agent_messages == ['{"answer": "yes"}']
    body = endpoint.upstream.received[0].body
    if endpoint.name == "anthropic":
        assert body["output_config"]["format"] == {"type": "json_schema", "schema": schema}
    else:
        assert body["response_format"] == {"type": "json_object"}
        assert '"answer"' in messages_of(endpoint.upstream.received[0])[0].text


def test_openai_s_own_chat_gets_the_schema_as_such(openai_chat: Endpoint, codex: Codex) -> None:
    (codex.work / "schema.json").write_text('{"type": "object", "properties": {}, "additionalProperties": false}')
    openai_chat.upstream.script(ModelResponse(Text("{}")))
    codex.exec("go", f"--output-schema={codex.work / 'schema.json'}", model=openai_chat.model)
    response_format = openai_chat.upstream.received[0].body["response_format"]
    assert (response_format["type"], response_format["json_schema"]["name"]) == ("json_schema", "codex_output_schema")


def test_code_mode_runs_the_model_s_javascript(endpoint: Endpoint, codex: Codex) -> None:
    script = 'const r = await tools.exec_command({cmd: "echo from-js"}); text(r.output);'
    endpoint.upstream.script(
        ModelResponse(Reasoning("Code."), Call("exec", {"input": script})), ModelResponse(Text("ran"))
    )
    assert codex.exec("run it", model=endpoint.like("gpt-5.6-sol")).agent_messages == ["ran"]
    assert "exec" in tool_names(endpoint.upstream.received[0])
    assert "from-js" in outputs(endpoint)[0]


def test_a_deferred_tool_is_searched_and_then_called(endpoint: Endpoint, codex: Codex) -> None:
    """gpt-5.5 gets no MCP tools before it searched for them; what was found is offered from then on."""
    server = Path(__file__).with_name("mcp_server.py")
    codex.config |= {"mcp_servers.probe.command": sys.executable, "mcp_servers.probe.args": [str(server)]}
    endpoint.upstream.script(
        ModelResponse(Reasoning("Search."), Call("tool_search", {"query": "add up two numbers"})),
        ModelResponse(Reasoning("Found."), Call("mcp__probe__add_up", {"a": 2, "b": 40})),
        ModelResponse(Text("42")),
    )
    assert codex.exec("add", model=endpoint.like("gpt-5.5")).agent_messages == ["42"]
    offered = [tool_names(request) for request in endpoint.upstream.received]
    assert ["mcp__probe__add_up" in names for names in offered] == [False, True, True]
    assert "the sum is 42" in outputs(endpoint)[-1]


def test_a_plan_is_kept(endpoint: Endpoint, codex: Codex) -> None:
    """Before 0.169 it is always offered."""
    codex.config["tools.update_plan.enabled"] = True
    plan = [{"step": "look", "status": "completed"}, {"step": "leap", "status": "in_progress"}]
    endpoint.upstream.script(
        ModelResponse(Reasoning("First a plan."), Call("update_plan", {"plan": plan})), ModelResponse(Text("planned"))
    )
    run = codex.exec("plan it", model=endpoint.model)
    assert run.agent_messages == ["planned"]
    [kept] = run.items("todo_list")
    assert [(item["text"], item["completed"]) for item in kept["items"]] == [("look", True), ("leap", False)]
    assert outputs(endpoint) == ["Plan updated"]


def test_a_tool_that_nobody_offered_is_told_to_the_model(endpoint: Endpoint, codex: Codex) -> None:
    endpoint.upstream.script(
        ModelResponse(Reasoning("Guess."), Call("browse_the_web", {"x": 1})), ModelResponse(Text("no such tool, then"))
    )
    assert codex.exec("go", model=endpoint.model).agent_messages == ["no such tool, then"]
    assert outputs(endpoint) == ["unsupported call: browse_the_web"]


def test_arguments_that_are_no_json_are_told_to_the_model(chat: Endpoint, codex: Codex) -> None:
    chat.upstream.script(
        ModelResponse(Reasoning("Oops."), Call("exec_command", '{"cmd": "ls')), ModelResponse(Text("I will retry"))
    )
    assert codex.exec("go", model=chat.model).agent_messages == ["I will retry"]
    assert "failed to parse function arguments" in outputs(chat)[0]


def test_openai_s_own_chat_takes_a_whole_tool_loop(openai_chat: Endpoint, codex: Codex) -> None:
    """It knows no thinking and no field that others added, and refuses the request that holds one."""
    calls = [Call("exec_command", {"cmd": "echo first"}), Call("exec_command", {"cmd": "echo second"})]
    openai_chat.upstream.script(ModelResponse(Text("Both."), *calls), ModelResponse(Text("done")))
    assert codex.exec("run both", model=openai_chat.model).agent_messages == ["Both.", "done"]
    assert [text.split("Output:\n")[1] for text in outputs(openai_chat)] == ["first\n", "second\n"]
    assert openai_chat.upstream.received[0].body["reasoning_effort"] == "medium"
