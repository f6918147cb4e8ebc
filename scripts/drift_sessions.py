"""The sessions that each version of Codex runs: between them they show all that its requests hold.

Each ends with `DONE` in Codex's output. A `proof` is a text that the last request must hold.
"""

import base64
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import mcp_server
from tests.e2e.codex import Codex, Run
from tests.e2e.scripted_response import Call, ErrorResponse, ModelResponse, Reasoning, ScriptedResponse, Text, Usage
from tests.e2e.scripted_upstream import ReceivedRequest, ScriptedUpstream
from tests.e2e.upstream_messages import messages_of

MODEL, LISTED = "drift-tiny", "drift-listed"
PATCHES, LITE = "drift/gpt-5.5", "drift/gpt-5.6-sol"
"""Codex ignores one prefix, and takes these for the models that get a freeform patch tool and the lite shape."""

DONE = "All of it is done."
FULL = Usage(input=250_000, cached=0)
PATCH = "*** Begin Patch\n*** Add File: poem.txt\n+roses are red\n*** End Patch\n"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC"
)
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


@dataclass(frozen=True)
class SessionContext:
    codex: Codex
    upstream: ScriptedUpstream

    def call(self, name: str, **arguments: object) -> None:
        """The next response is one call, and the one after it the end."""
        self.upstream.script(ModelResponse(Reasoning("Hm."), Call(name, dict(arguments))), ModelResponse(Text(DONE)))

    def add_mcp_server(self) -> None:
        server = str(Path(mcp_server.__file__))
        self.codex.config |= {"mcp_servers.probe.command": sys.executable, "mcp_servers.probe.args": [server]}

    def picture(self) -> str:
        path = self.codex.work / "red.png"
        path.write_bytes(PNG)
        return str(path)


@dataclass(frozen=True)
class Session:
    name: str
    play: Callable[[SessionContext], Run]
    proof: str


SESSIONS: list[Session] = []


def _session(proof: str = "") -> Callable[[Callable[[SessionContext], Run]], Callable[[SessionContext], Run]]:
    def keep(play: Callable[[SessionContext], Run]) -> Callable[[SessionContext], Run]:
        SESSIONS.append(Session(play.__name__.replace("_", "-"), play, proof))
        return play

    return keep


@_session()
def text(context: SessionContext) -> Run:
    context.upstream.script(ModelResponse(Reasoning("Hm."), Text(DONE)))
    return context.codex.exec("say hi", model=MODEL)


@_session(proof="out-42")
def command(context: SessionContext) -> Run:
    context.call("exec_command", cmd="echo out-$((6*7))")
    return context.codex.exec("run it", model=MODEL)


@_session(proof="second-2")
def parallel_calls(context: SessionContext) -> Run:
    calls = [Call("exec_command", {"cmd": f"echo {name}-$((1+1))"}) for name in ("first", "second")]
    context.upstream.script(ModelResponse(Reasoning("Both."), Text("I run both."), *calls), ModelResponse(Text(DONE)))
    return context.codex.exec("run both", model=MODEL)


@_session(proof="Success. Updated the following files")
def patch(context: SessionContext) -> Run:
    context.call("apply_patch", input=PATCH)
    return context.codex.exec("write a poem", model=PATCHES)


@_session(proof="the sum is 42")
def mcp(context: SessionContext) -> Run:
    context.add_mcp_server()
    context.call("mcp__probe__add_up", a=2, b=40)
    return context.codex.exec("add", model=MODEL)


@_session(proof="the sum is 42")
def found_tool(context: SessionContext) -> Run:
    """A tool that the model has to search for."""
    context.add_mcp_server()
    context.upstream.script(ModelResponse(Reasoning("Search."), Call("tool_search", {"query": "add up two numbers"})))
    context.call("mcp__probe__add_up", a=2, b=40)
    return context.codex.exec("add", model=PATCHES)


@_session(proof="data:image/png")
def view_image(context: SessionContext) -> Run:
    context.call("view_image", path=context.picture())
    return context.codex.exec("what colour?", model=MODEL)


@_session(proof="data:image/png")
def user_image(context: SessionContext) -> Run:
    context.upstream.script(ModelResponse(Text(DONE)))
    return context.codex.exec("what colour?", f"--image={context.picture()}", model=MODEL)


@_session(proof='"answer"')
def output_schema(context: SessionContext) -> Run:
    schema = context.codex.work / "schema.json"
    schema.write_text(json.dumps(SCHEMA | {"additionalProperties": False}))
    context.upstream.script(ModelResponse(Text(json.dumps({"answer": DONE}))))
    return context.codex.exec("yes or no?", f"--output-schema={schema}", model=MODEL)


@_session(proof="out-42")
def resume(context: SessionContext) -> Run:
    context.upstream.script(
        ModelResponse(Reasoning("Hm."), Call("exec_command", {"cmd": "echo out-$((6*7))"})), ModelResponse(Text("42"))
    )
    context.codex.exec("look", model=MODEL)
    context.upstream.script(ModelResponse(Text(DONE)))
    return context.codex.resume("what was it?", model=MODEL)


@_session(proof="We counted.")
def own_compaction(context: SessionContext) -> Run:
    """Codex has a full context summarised by a prompt of its own."""
    counting = Call("exec_command", {"cmd": "echo 42"})
    context.upstream.script(
        ModelResponse(Reasoning("Hm."), counting, usage=FULL),
        ModelResponse(Text("We counted.")),
        ModelResponse(Text(DONE)),
    )
    return context.codex.exec("count", model=MODEL, model_auto_compact_token_limit=200_000)


@_session(proof="We counted.")
def asked_compaction(context: SessionContext) -> Run:
    """A provider named OpenAI is asked to compact."""
    context.codex.provider["name"] = "OpenAI"
    return own_compaction(context)


@_session(proof="js-42")
def lite(context: SessionContext) -> Run:
    """The shape of newer models: tools inside the input, one of them takes JavaScript."""
    context.call("exec", input='const r = await tools.exec_command({cmd: "echo js-$((6*7))"}); text(r.output);')
    return context.codex.exec("run it", model=LITE)


@_session(proof="Success. Updated the following files")
def catalog(context: SessionContext) -> Run:
    """Codex learns the models' features from the proxy; so this one gets the patch tool."""
    context.codex.provider["model_catalog_url"] = f"{context.codex.provider['base_url']}/models"
    context.call("apply_patch", input=PATCH)
    return context.codex.exec("write a poem", model=LISTED)


@_session(proof="new.py")
def review(context: SessionContext) -> Run:
    (context.codex.work / "new.py").write_text("print(1)\n")
    context.upstream.script(
        ModelResponse(Reasoning("Hm."), Call("exec_command", {"cmd": "ls"})), ModelResponse(Text(DONE))
    )
    return context.codex.review(model=MODEL)


@_session(proof="not here")
def approval(context: SessionContext) -> Run:
    """A model judges what another one wants to do."""

    def choose(request: ReceivedRequest) -> ScriptedResponse:
        messages = messages_of(request)
        if any("TRANSCRIPT" in message.text for message in messages if message.role == "user"):
            return ModelResponse(Reasoning("Risky."), Text('{"outcome": "deny", "rationale": "not here"}'))
        command = {"cmd": "touch made", "sandbox_permissions": "require_escalated", "justification": "need it"}
        was_refused = any(message.role == "output" for message in messages)
        return (
            ModelResponse(Text(DONE))
            if was_refused
            else ModelResponse(Reasoning("Ask."), Call("exec_command", command))
        )

    context.upstream.script_by(choose)
    return context.codex.guarded("make it", model=MODEL)


@_session(proof="one two three")
def agents(context: SessionContext) -> Run:
    def choose(request: ReceivedRequest) -> ScriptedResponse:
        messages = messages_of(request)
        if "count to three" in [message.text for message in messages if message.role == "user"][-1]:
            return ModelResponse(Text("one two three"))
        outputs = [message.text for message in messages if message.role == "output"]
        if not outputs:
            return ModelResponse(
                Reasoning("Delegate."), Call("multi_agent_v1__spawn_agent", {"message": "count to three"})
            )
        spawned = re.findall(r'"agent_id":\s*"([^"]+)"', outputs[0])
        if not spawned:
            return ErrorResponse(400, outputs[0])
        waiting = Call("multi_agent_v1__wait_agent", {"targets": spawned})
        return ModelResponse(Reasoning("Wait."), waiting) if len(outputs) == 1 else ModelResponse(Text(DONE))

    context.upstream.script_by(choose)
    return context.codex.exec("delegate", model=MODEL)


@_session(proof="one two three")
def lite_agents(context: SessionContext) -> Run:
    """Newer models' agents write each other messages, which are items of their own."""

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
                return ModelResponse(Text(DONE))

    context.upstream.script_by(choose)
    return context.codex.exec("delegate", model=LITE)
