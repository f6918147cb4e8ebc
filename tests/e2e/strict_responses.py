"""A Responses client with no mercy: every event as the vendor's types have it, and the stream true to itself."""

import json
from collections import defaultdict
from typing import get_args

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

from tests.e2e.scripted_response import Json

_EVENTS: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(get_args(ResponseStreamEvent)[0])
}
_SPECIFIED_ONLY = {"frequency_penalty", "presence_penalty", "store"}
"""Fields of a response in the Open Responses specification that OpenAI's own types do not name."""

_TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


def events(body: bytes) -> list[Json]:
    """A stream's events; each record names its kind twice, in the line and in the data, and both agree."""
    found = []
    for record in body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in record.splitlines() if not line.startswith(":"))
        if not lines or lines["data"] == "[DONE]":
            continue
        event = json.loads(lines["data"])
        assert lines.get("event") == event["type"]
        found.append(event)
    return found


def checked(events: list[Json]) -> Json:
    """The response that the stream ends with, after every check."""
    for event in events:
        known = {**event, "response": _as_typed(event["response"])} if "response" in event else event
        _EVENTS[event["type"]].model_validate(known, extra="forbid")
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events if event["type"] in _TERMINAL] == [events[-1]["type"]]
    response: Json = events[-1]["response"]
    checked_whole(response)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == [item for item in response["output"] if not _is_withheld(item)]
    _deltas_add_up(events, response["output"])
    return response


def _is_withheld(item: Json) -> bool:
    """A call that the answer broke off in: Codex runs a call as soon as it is `done`, so it never is."""
    return item["type"].endswith("_call") and item.get("status") == "incomplete"


def checked_whole(response: Json) -> Json:
    Response.model_validate(_as_typed(response), extra="forbid")
    assert response.keys() >= _SPECIFIED_ONLY
    return response


def _as_typed(response: Json) -> Json:
    return {key: value for key, value in response.items() if key not in _SPECIFIED_ONLY}


def _deltas_add_up(events: list[Json], output: list[Json]) -> None:
    """What was streamed piece by piece equals what the finished items say."""
    streamed: dict[str, str] = defaultdict(str)
    for event in events:
        if event["type"].endswith(".delta"):
            assert event["delta"], "an empty delta says nothing"
            streamed[event["item_id"]] += event["delta"]
    assert dict(streamed) == {item["id"]: text for item in output if (text := _text(item))}


def _text(item: Json) -> str:
    match item["type"]:
        case "message":
            return "".join(part["text"] for part in item["content"])
        case "reasoning":
            return "".join(part["text"] for part in [*(item.get("summary") or []), *(item.get("content") or [])])
        case "function_call":
            return str(item["arguments"])
        case "custom_tool_call":
            return str(item["input"])
        case kind:
            raise AssertionError(f"an item that nobody asked for: {kind}")
