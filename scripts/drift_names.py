"""What our wire models have no name for, in the requests of Codex.

Nothing of it breaks a conversion by itself: unknown items, parts and tools are listed as lost. But somebody must have
looked at each of them and decided so; these lists say for which that was done.
"""

from collections.abc import Iterator

from pydantic import BaseModel

from converters.errors import RequestError
from converters.responses import wire
from scripts.drift_places import Json, RecordedRequest

ENDPOINTS = {"POST /v1/responses", "POST /v1/responses/compact", "GET /v1/responses", "GET /v1/models"}
"""What addons/ answers; all else goes on to the proxy's target."""

IGNORED = {
    "store": "nothing is kept here",
    "include": "the sealed reasoning comes back always",
    "client_metadata": "the client's own: its threads and turns",
    "service_tier": "listed as lost",
}
"""Keys of the body that are rightly not read, and why."""

ITEMS = {
    *("web_search_call", "image_generation_call", "local_shell_call", "file_search_call", "code_interpreter_call"),
    *("mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "item_reference"),
}
"""What OpenAI's own tools leave in a thread, and references to what it stores."""

TOOLS = {"web_search", "web_search_preview", "image_generation", "code_interpreter", "file_search", "mcp"}
"""Tools that OpenAI runs; converters/tools/offer.py says what becomes of them."""


def unknown_places(request: RecordedRequest) -> Iterator[str]:
    """The places that no list here names, each with its kind."""
    if request.endpoint not in ENDPOINTS:
        yield f"endpoint {request.endpoint}"
    elif request.body is not None:
        yield from _keys(request.body)
        yield from _inside(request.body)


def _keys(body: Json) -> Iterator[str]:
    for key in body.keys() - wire.Request.model_fields.keys() - IGNORED.keys():
        yield f"key {key}"


def _inside(body: Json) -> Iterator[str]:
    try:
        request = wire.read(body)
    except RequestError as error:
        yield f"{error.param}: {error}"
        return
    yield from _unknown_parts(request, "")


def _unknown_parts(model: BaseModel, path: str) -> Iterator[str]:
    match model:
        case wire.UnknownItem(type=kind) if kind not in ITEMS:
            yield f"{path}: item {kind}"
        case wire.UnknownPart(type=kind):
            yield f"{path}: part {kind}"
        case wire.HostedTool(type=kind) if kind not in TOOLS:
            yield f"{path}: tool {kind}"
    for name in type(model).model_fields:
        value = getattr(model, name)
        for index, part in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(part, BaseModel):
                here = ".".join(filter(None, (path, name)))
                yield from _unknown_parts(part, f"{here}[{index}]" if isinstance(value, list) else here)
