"""What each version of Codex is made to do: a fixed set of sessions that between them show all that its requests hold.

Each ends with Codex's reader seeing `DONE`. A `proof` is what the model must have been told in the last request.
"""

import base64
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import mcp_server
from tests.e2e.answers import Answer, Call, Refuse, Say, Text, Think, Usage
from tests.e2e.codex import Codex, Run
from tests.e2e.heard import heard
from tests.e2e.upstream import Received, Upstream

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
class Stage:
    codex: Codex
    upstream: Upstream

    def call(self, name: str, **arguments: object) -> None:
        """The model's next answer is one call, and the one after it the end."""
        self.upstream.script(Say(Think("Hm."), Call(name, dict(arguments))), Say(Text(DONE)))

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
    play: Callable[[Stage], Run]
    proof: str


SESSIONS: list[Session] = []


def _session(proof: str = "") -> Callable[[Callable[[Stage], Run]], Callable[[Stage], Run]]:
    def keep(play: Callable[[Stage], Run]) -> Callable[[Stage], Run]:
        SESSIONS.append(Session(play.__name__.replace("_", "-"), play, proof))
        return play

    return keep


@_session()
def text(stage: Stage) -> Run:
    stage.upstream.script(Say(Think("Hm."), Text(DONE)))
    return stage.codex.exec("say hi", model=MODEL)


@_session(proof="out-42")
def command(stage: Stage) -> Run:
    stage.call("exec_command", cmd="echo out-$((6*7))")
    return stage.codex.exec("run it", model=MODEL)


@_session(proof="second-2")
def parallel_calls(stage: Stage) -> Run:
    calls = [Call("exec_command", {"cmd": f"echo {name}-$((1+1))"}) for name in ("first", "second")]
    stage.upstream.script(Say(Think("Both."), Text("I run both."), *calls), Say(Text(DONE)))
    return stage.codex.exec("run both", model=MODEL)


@_session(proof="Success. Updated the following files")
def patch(stage: Stage) -> Run:
    stage.call("apply_patch", input=PATCH)
    return stage.codex.exec("write a poem", model=PATCHES)


@_session(proof="the sum is 42")
def mcp(stage: Stage) -> Run:
    stage.add_mcp_server()
    stage.call("mcp__probe__add_up", a=2, b=40)
    return stage.codex.exec("add", model=MODEL)


@_session(proof="the sum is 42")
def found_tool(stage: Stage) -> Run:
    """A tool that the model has to search for."""
    stage.add_mcp_server()
    stage.upstream.script(Say(Think("Search."), Call("tool_search", {"query": "add up two numbers"})))
    stage.call("mcp__probe__add_up", a=2, b=40)
    return stage.codex.exec("add", model=PATCHES)


@_session(proof="data:image/png")
def view_image(stage: Stage) -> Run:
    stage.call("view_image", path=stage.picture())
    return stage.codex.exec("what colour?", model=MODEL)


@_session(proof="data:image/png")
def user_image(stage: Stage) -> Run:
    stage.upstream.script(Say(Text(DONE)))
    return stage.codex.exec("what colour?", f"--image={stage.picture()}", model=MODEL)


@_session(proof='"answer"')
def output_schema(stage: Stage) -> Run:
    schema = stage.codex.work / "schema.json"
    schema.write_text(json.dumps(SCHEMA | {"additionalProperties": False}))
    stage.upstream.script(Say(Text(json.dumps({"answer": DONE}))))
    return stage.codex.exec("yes or no?", f"--output-schema={schema}", model=MODEL)


@_session(proof="out-42")
def resume(stage: Stage) -> Run:
    stage.upstream.script(Say(Think("Hm."), Call("exec_command", {"cmd": "echo out-$((6*7))"})), Say(Text("42")))
    stage.codex.exec("look", model=MODEL)
    stage.upstream.script(Say(Text(DONE)))
    return stage.codex.resume("what was it?", model=MODEL)


@_session(proof="We counted.")
def own_compaction(stage: Stage) -> Run:
    """Codex has a full context summarised by a prompt of its own."""
    counting = Call("exec_command", {"cmd": "echo 42"})
    stage.upstream.script(Say(Think("Hm."), counting, usage=FULL), Say(Text("We counted.")), Say(Text(DONE)))
    return stage.codex.exec("count", model=MODEL, model_auto_compact_token_limit=200_000)


@_session(proof="We counted.")
def asked_compaction(stage: Stage) -> Run:
    """A provider named OpenAI is asked to compact."""
    stage.codex.provider["name"] = "OpenAI"
    return own_compaction(stage)


@_session(proof="js-42")
def lite(stage: Stage) -> Run:
    """The shape of newer models: tools inside the input, one of them takes JavaScript."""
    stage.call("exec", input='const r = await tools.exec_command({cmd: "echo js-$((6*7))"}); text(r.output);')
    return stage.codex.exec("run it", model=LITE)


@_session(proof="Success. Updated the following files")
def catalog(stage: Stage) -> Run:
    """Codex learns the models' features from the proxy; so this one gets the patch tool."""
    stage.codex.provider["model_catalog_url"] = f"{stage.codex.provider['base_url']}/models"
    stage.call("apply_patch", input=PATCH)
    return stage.codex.exec("write a poem", model=LISTED)


@_session(proof="new.py")
def review(stage: Stage) -> Run:
    (stage.codex.work / "new.py").write_text("print(1)\n")
    stage.upstream.script(Say(Think("Hm."), Call("exec_command", {"cmd": "ls"})), Say(Text(DONE)))
    return stage.codex.review(model=MODEL)


@_session(proof="not here")
def approval(stage: Stage) -> Run:
    """A model judges what another one wants to do."""

    def choose(request: Received) -> Answer:
        told = heard(request)
        if any("TRANSCRIPT" in one.text for one in told if one.role == "user"):
            return Say(Think("Risky."), Text('{"outcome": "deny", "rationale": "not here"}'))
        command = {"cmd": "touch made", "sandbox_permissions": "require_escalated", "justification": "need it"}
        asked = any(one.role == "output" for one in told)
        return Say(Text(DONE)) if asked else Say(Think("Ask."), Call("exec_command", command))

    stage.upstream.script_by(choose)
    return stage.codex.guarded("make it", model=MODEL)


@_session(proof="one two three")
def agents(stage: Stage) -> Run:
    def choose(request: Received) -> Answer:
        told = heard(request)
        if "count to three" in [one.text for one in told if one.role == "user"][-1]:
            return Say(Text("one two three"))
        outputs = [one.text for one in told if one.role == "output"]
        if not outputs:
            return Say(Think("Delegate."), Call("multi_agent_v1__spawn_agent", {"message": "count to three"}))
        spawned = re.findall(r'"agent_id":\s*"([^"]+)"', outputs[0])
        if not spawned:
            return Refuse(400, outputs[0])
        waiting = Call("multi_agent_v1__wait_agent", {"targets": spawned})
        return Say(Think("Wait."), waiting) if len(outputs) == 1 else Say(Text(DONE))

    stage.upstream.script_by(choose)
    return stage.codex.exec("delegate", model=MODEL)


@_session(proof="one two three")
def lite_agents(stage: Stage) -> Run:
    """Newer models' agents write each other messages, which are items of their own."""

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
                return Say(Text(DONE))

    stage.upstream.script_by(choose)
    return stage.codex.exec("delegate", model=LITE)
