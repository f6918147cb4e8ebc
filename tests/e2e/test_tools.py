"""Every kind of tool that Codex has: the model calls it by the name it was offered, and Codex does the work."""

import base64
import json
import sys
from pathlib import Path

from tests.e2e.answers import Call, Say, Text, Think
from tests.e2e.codex import Codex
from tests.e2e.conftest import Side
from tests.e2e.heard import heard, tool_names
from tests.e2e.proxy import Proxy

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"
)
PATCH = '*** Begin Patch\n*** Add File: poem.txt\n+roses are red\n+"quoted" \\ and äöü\n*** End Patch\n'


def outputs(side: Side) -> list[str]:
    return [one.text for one in heard(side.upstream.received[-1]) if one.role == "output"]


def test_a_command_runs_and_its_output_follows_the_call(side: Side, codex: Codex) -> None:
    call = Call("exec_command", {"cmd": "echo out-$((6*7)) > made.txt; cat made.txt"})
    side.upstream.script(Say(Think("I run it."), Text("Let me look."), call), Say(Text("It said 42.")))
    run = codex.exec("run it", model=side.model)
    assert run.said == ["Let me look.", "It said 42."]
    assert (codex.work / "made.txt").read_text() == "out-42\n"
    told = heard(side.upstream.received[1])
    assert [one.role for one in told[-2:]] == ["assistant", "output"]
    assert (told[-2].thinking, told[-2].text, told[-2].calls[0][0]) == ("I run it.", "Let me look.", "exec_command")
    assert told[-1].text.endswith("Output:\nout-42\n")


def test_two_calls_of_one_answer_both_run(side: Side, codex: Codex) -> None:
    calls = [Call("exec_command", {"cmd": f"echo {name}"}) for name in ("first", "second")]
    side.upstream.script(Say(Think("Both."), *calls), Say(Text("done")))
    assert codex.exec("run both", model=side.model).said == ["done"]
    told = heard(side.upstream.received[1])
    assert [one.role for one in told[-3:]] == ["assistant", "output", "output"]
    assert [one.text.split("Output:\n")[1] for one in told[-2:]] == ["first\n", "second\n"]


def test_a_session_is_written_to(side: Side, codex: Codex) -> None:
    """write_stdin takes an integer that the model read in an output: numbers survive both ways."""
    start = Call("exec_command", {"cmd": "read line; echo got:$line", "tty": True, "yield_time_ms": 300})
    side.upstream.script(Say(Think("Start."), start))
    side.upstream.script_next(lambda request: Say(Think("Write."), _write(heard(request)[-1].text)))
    side.upstream.script(Say(Text("done")))
    assert codex.exec("talk to it", model=side.model).said == ["done"]
    assert "got:hello" in outputs(side)[-1]


def _write(said: str) -> Call:
    session = int(said.split("session ID ")[1].split()[0])
    return Call("write_stdin", {"session_id": session, "chars": "hello\n", "yield_time_ms": 1000})


def test_a_freeform_patch_changes_files(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Think("I write."), Call("apply_patch", {"input": PATCH})), Say(Text("written")))
    run = codex.exec("write a poem", model=side.like("gpt-5.5"))
    assert run.said == ["written"]
    assert (codex.work / "poem.txt").read_text() == 'roses are red\n"quoted" \\ and äöü\n'
    assert "Success. Updated the following files:\nA poem.txt" in outputs(side)[0]
    assert [call for one in heard(side.upstream.received[1]) for call in one.calls] == [
        ("apply_patch", {"input": PATCH})
    ]


def test_our_own_list_of_models_offers_freeform_patches(side: Side, codex: Codex, proxy: Proxy) -> None:
    codex.provider["model_catalog_url"] = f"{proxy.base_url}/models"
    side.upstream.script(Say(Call("apply_patch", {"input": PATCH})), Say(Text("written")))
    run = codex.exec("write a poem", model=f"{side.name}-listed")
    assert run.said == ["written"]
    assert (codex.work / "poem.txt").exists()
    assert run.items("error") == []


def test_a_patch_in_a_heredoc_changes_files(side: Side, codex: Codex) -> None:
    """How models without the freeform tool do it; Codex takes it out of the command."""
    call = Call("exec_command", {"cmd": f"apply_patch <<'EOF'\n{PATCH}EOF\n"})
    side.upstream.script(Say(Think("I write."), call), Say(Text("written")))
    codex.exec("write a poem", model=side.model)
    assert (codex.work / "poem.txt").exists()


def test_a_tool_of_an_mcp_server_is_called_in_its_namespace(side: Side, codex: Codex) -> None:
    server = Path(__file__).with_name("mcp_server.py")
    codex.config |= {"mcp_servers.probe.command": sys.executable, "mcp_servers.probe.args": [str(server)]}
    side.upstream.script(Say(Think("Adding."), Call("mcp__probe__add_up", {"a": 2, "b": 40})), Say(Text("42")))
    run = codex.exec("add", model=side.model)
    assert "mcp__probe__add_up" in tool_names(side.upstream.received[0])
    [item] = run.items("mcp_tool_call")
    assert (item["server"], item["status"]) == ("probe", "completed")
    assert "the sum is 42" in outputs(side)[0]
    assert ("mcp__probe__add_up", {"a": 2, "b": 40}) in heard(side.upstream.received[1])[-2].calls


def test_an_image_that_the_model_looks_at_reaches_it(side: Side, codex: Codex) -> None:
    picture = codex.work / "red.png"
    picture.write_bytes(PNG)
    side.upstream.script(Say(Think("Look."), Call("view_image", {"path": str(picture)})), Say(Text("It is red.")))
    assert codex.exec("what colour?", model=side.model).said == ["It is red."]
    [image] = [url for one in heard(side.upstream.received[1]) for url in one.images]
    assert image.startswith("data:image/png;base64,")
    assert base64.b64encode(PNG).decode() not in str([one.text for one in heard(side.upstream.received[1])])


def test_an_image_is_looked_at_in_the_detail_that_the_model_wants(side: Side, codex: Codex) -> None:
    """Before 0.169 `view_image` offers gpt-5.5 the choice; since then Codex makes it."""
    picture = codex.work / "red.png"
    picture.write_bytes(PNG)
    look = Call("view_image", {"path": str(picture), "detail": "original"})
    side.upstream.script(Say(Think("Look closely."), look), Say(Text("It is red.")))
    assert codex.exec("what colour?", model=side.like("gpt-5.5")).said == ["It is red."]
    assert len([url for one in heard(side.upstream.received[1]) for url in one.images]) == 1


def test_an_image_of_the_user_reaches_the_model(side: Side, codex: Codex) -> None:
    picture = codex.work / "red.png"
    picture.write_bytes(PNG)
    side.upstream.script(Say(Text("red")))
    codex.exec("what colour?", f"--image={picture}", model=side.model)
    assert len([url for one in heard(side.upstream.received[0]) for url in one.images]) == 1


def test_the_answer_s_schema_is_asked_for(side: Side, codex: Codex) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    (codex.work / "schema.json").write_text(json.dumps(schema))
    side.upstream.script(Say(Text('{"answer": "yes"}')))
    run = codex.exec("yes or no?", f"--output-schema={codex.work / 'schema.json'}", model=side.model)
    assert run.said == ['{"answer": "yes"}']
    body = side.upstream.received[0].body
    if side.name == "anthropic":
        assert body["output_config"]["format"] == {"type": "json_schema", "schema": schema}
    else:
        assert body["response_format"] == {"type": "json_object"}
        assert '"answer"' in heard(side.upstream.received[0])[0].text


def test_openai_s_own_chat_gets_the_schema_as_such(openai_side: Side, codex: Codex) -> None:
    (codex.work / "schema.json").write_text('{"type": "object", "properties": {}, "additionalProperties": false}')
    openai_side.upstream.script(Say(Text("{}")))
    codex.exec("go", f"--output-schema={codex.work / 'schema.json'}", model=openai_side.model)
    asked = openai_side.upstream.received[0].body["response_format"]
    assert (asked["type"], asked["json_schema"]["name"]) == ("json_schema", "codex_output_schema")


def test_code_mode_runs_the_model_s_javascript(side: Side, codex: Codex) -> None:
    script = 'const r = await tools.exec_command({cmd: "echo from-js"}); text(r.output);'
    side.upstream.script(Say(Think("Code."), Call("exec", {"input": script})), Say(Text("ran")))
    assert codex.exec("run it", model=side.like("gpt-5.6-sol")).said == ["ran"]
    assert "exec" in tool_names(side.upstream.received[0])
    assert "from-js" in outputs(side)[0]


def test_a_deferred_tool_is_searched_and_then_called(side: Side, codex: Codex) -> None:
    """gpt-5.5 gets no MCP tools before it searched for them; what was found is offered from then on."""
    server = Path(__file__).with_name("mcp_server.py")
    codex.config |= {"mcp_servers.probe.command": sys.executable, "mcp_servers.probe.args": [str(server)]}
    side.upstream.script(
        Say(Think("Search."), Call("tool_search", {"query": "add up two numbers"})),
        Say(Think("Found."), Call("mcp__probe__add_up", {"a": 2, "b": 40})),
        Say(Text("42")),
    )
    assert codex.exec("add", model=side.like("gpt-5.5")).said == ["42"]
    offered = [tool_names(request) for request in side.upstream.received]
    assert ["mcp__probe__add_up" in names for names in offered] == [False, True, True]
    assert "the sum is 42" in outputs(side)[-1]


def test_a_plan_is_kept(side: Side, codex: Codex) -> None:
    """Before 0.169 it is always offered."""
    codex.config["tools.update_plan.enabled"] = True
    plan = [{"step": "look", "status": "completed"}, {"step": "leap", "status": "in_progress"}]
    side.upstream.script(Say(Think("First a plan."), Call("update_plan", {"plan": plan})), Say(Text("planned")))
    run = codex.exec("plan it", model=side.model)
    assert run.said == ["planned"]
    [kept] = run.items("todo_list")
    assert [(one["text"], one["completed"]) for one in kept["items"]] == [("look", True), ("leap", False)]
    assert outputs(side) == ["Plan updated"]


def test_a_tool_that_nobody_offered_is_told_to_the_model(side: Side, codex: Codex) -> None:
    side.upstream.script(Say(Think("Guess."), Call("browse_the_web", {"x": 1})), Say(Text("no such tool, then")))
    assert codex.exec("go", model=side.model).said == ["no such tool, then"]
    assert outputs(side) == ["unsupported call: browse_the_web"]


def test_arguments_that_are_no_json_are_told_to_the_model(chat: Side, codex: Codex) -> None:
    chat.upstream.script(Say(Think("Oops."), Call("exec_command", '{"cmd": "ls')), Say(Text("I will retry")))
    assert codex.exec("go", model=chat.model).said == ["I will retry"]
    assert "failed to parse function arguments" in outputs(chat)[0]


def test_openai_s_own_chat_takes_a_whole_tool_loop(openai_side: Side, codex: Codex) -> None:
    """It knows no thinking and no field that others added, and refuses the request that holds one."""
    calls = [Call("exec_command", {"cmd": "echo first"}), Call("exec_command", {"cmd": "echo second"})]
    openai_side.upstream.script(Say(Text("Both."), *calls), Say(Text("done")))
    assert codex.exec("run both", model=openai_side.model).said == ["Both.", "done"]
    assert [text.split("Output:\n")[1] for text in outputs(openai_side)] == ["first\n", "second\n"]
    assert openai_side.upstream.received[0].body["reasoning_effort"] == "medium"
