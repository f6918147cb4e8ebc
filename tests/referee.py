"""What OpenAI's own types and client say of a Responses stream."""

from typing import Any, get_args

from openai import Omit
from openai._models import construct_type_unchecked
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import CompactedResponse, Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from converters import sse
from converters.jsontext import Json, loads

BEYOND_RESPONSE = {
    "store",  # in OpenAI's answers and in the Open Responses specification
    "presence_penalty",
    "frequency_penalty",
    "end_turn",  # Codex: it is to ask again at once
}
"""Fields of our Response that the published type does not have."""

BEYOND_CODES = {"context_length_exceeded", "model_not_found", "content_policy_violation"}
"""Codes of `response.error` that the published type does not have, told to Codex alone, which acts on them."""

_EVENTS: dict[str, type[BaseModel]] = {
    get_args(event.model_fields["type"].annotation)[0]: event for event in get_args(get_args(ResponseStreamEvent)[0])
}


def read(stream: bytes) -> list[Json]:
    """The events of a stream."""
    parser = sse.Parser()
    return [loads(message.data) for message in parser.feed(stream) + parser.close()]


def check_event(event: Json) -> None:
    """Raises unless the published type has every field of the event, at every depth."""
    told = event
    if "response" in event:
        told = {**event, "response": _published_response(event["response"])}
    if "item" in event:
        told = {**event, "item": _published_item(event["item"])}
    _EVENTS[event["type"]].model_validate(told, extra="forbid")


def check_response(response: Json) -> None:
    TypeAdapter(Response).validate_python(_published_response(response), extra="forbid")


def check_compacted(body: Json) -> None:
    """The published list of output items knows no message of the user, though the API gives it."""
    output = [item for item in body["output"] if item.get("role") != "user"]
    TypeAdapter(CompactedResponse).validate_python({**body, "output": output}, extra="forbid")


def _published_response(response: Json) -> Json:
    told = {key: value for key, value in response.items() if key not in BEYOND_RESPONSE}
    if told["error"] and told["error"]["code"] in BEYOND_CODES:
        told["error"] = {**told["error"], "code": "server_error"}
    return {**told, "output": [_published_item(item) for item in told["output"]]}


def _published_item(item: Json) -> Json:
    """The published custom call has no status, though OpenAI sends one: we send it where the call is unfinished."""
    if item["type"] == "custom_tool_call" and item.get("status") == "incomplete":
        return {key: value for key, value in item.items() if key != "status"}
    return item


def accumulate(events: list[Json]) -> list[Json]:
    """The output items as OpenAI's client builds them from the deltas of a stream; raises where it would."""
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=Omit(), text_format=Omit())
    for event in events:
        state.handle_event(construct_type_unchecked(type_=ResponseStreamEvent, value=event))
    return [state._output_items[index].to_dict() for index in sorted(state._output_items)]
