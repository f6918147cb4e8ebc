"""What a Responses client sends: the shapes we read, and nothing else.

`Wire` ignores unknown fields (we only read). An item, part or tool kind newer than this file is kept as an
`Unknown...`: each upstream decides, and the loss is listed.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, PrivateAttr, Tag, ValidationError

from converters import jsontext
from converters.errors import RequestError
from converters.jsontext import Json


class Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class OpenWire(BaseModel):
    """Keeps unknown fields: we hand them on."""

    model_config = ConfigDict(extra="allow")


# --- parts ---


class TextPart(Wire):
    """input_text, output_text, text, summary_text, reasoning_text: text is text."""

    type: str
    text: str


class RefusalPart(Wire):
    type: Literal["refusal"]
    refusal: str


class ImagePart(Wire):
    type: Literal["input_image"]
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class AudioPart(Wire):
    type: Literal["input_audio"]
    input_audio: Json | None = None


class FilePart(Wire):
    type: Literal["input_file"]
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None


class EncryptedPart(Wire):
    type: Literal["encrypted_content"]
    encrypted_content: str


class UnknownPart(OpenWire):
    type: str = "unknown"


_TEXT_PARTS = {"input_text", "output_text", "text", "summary_text", "reasoning_text"}
_OTHER_PARTS = {"refusal", "input_image", "input_audio", "input_file", "encrypted_content"}


def _tag_of(value: Any, texts: set[str], known: set[str]) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if not isinstance(kind, str):  # whatever a client writes there, a list even
        return "unknown"
    if kind in texts:
        return "text"
    return kind if kind in known else "unknown"


def _part_tag(value: Any) -> str:
    return _tag_of(value, _TEXT_PARTS, _OTHER_PARTS)


type Part = Annotated[
    Annotated[TextPart, Tag("text")]
    | Annotated[RefusalPart, Tag("refusal")]
    | Annotated[ImagePart, Tag("input_image")]
    | Annotated[AudioPart, Tag("input_audio")]
    | Annotated[FilePart, Tag("input_file")]
    | Annotated[EncryptedPart, Tag("encrypted_content")]
    | Annotated[UnknownPart, Tag("unknown")],
    Discriminator(_part_tag),
]
type Content = str | Annotated[list[Part], FailFast()]

# --- tools ---


class FunctionTool(Wire):
    type: Literal["function"] = "function"
    name: str
    description: str | None = None
    parameters: Json | None = None
    strict: bool | None = None


class CustomTool(Wire):
    """A freeform tool: its input is one text, often with a grammar."""

    type: Literal["custom"] = "custom"
    name: str
    description: str | None = None
    format: Json | None = None


class ToolSearchTool(Wire):
    type: Literal["tool_search"] = "tool_search"
    execution: str | None = None
    description: str | None = None
    parameters: Json | None = None


class HostedTool(OpenWire):
    """A tool that the provider runs (web_search, ...), or a kind newer than this file."""

    type: str


class NamespaceTool(Wire):
    type: Literal["namespace"] = "namespace"
    name: str
    description: str | None = None
    tools: list["Tool"] = Field(default_factory=list)


def _tool_tag(value: Any) -> str:
    return _tag_of(value, set(), {"function", "custom", "tool_search", "namespace"})


type Tool = Annotated[
    Annotated[FunctionTool, Tag("function")]
    | Annotated[CustomTool, Tag("custom")]
    | Annotated[ToolSearchTool, Tag("tool_search")]
    | Annotated[NamespaceTool, Tag("namespace")]
    | Annotated[HostedTool, Tag("unknown")],
    Discriminator(_tool_tag),
]

# --- items ---


class MessageItem(Wire):
    type: Literal["message"] = "message"
    id: str | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: Content | None = None
    phase: str | None = None


class ReasoningItem(Wire):
    type: Literal["reasoning"]
    id: str | None = None
    summary: list[Part] | None = None
    content: list[Part] | None = None
    encrypted_content: str | None = None


class FunctionCallItem(Wire):
    type: Literal["function_call"]
    id: str | None = None
    call_id: str
    name: str
    namespace: str | None = None
    arguments: str = ""


class CustomCallItem(Wire):
    type: Literal["custom_tool_call"]
    id: str | None = None
    call_id: str
    name: str
    namespace: str | None = None
    input: str = ""


class ToolSearchCallItem(Wire):
    type: Literal["tool_search_call"]
    id: str | None = None
    call_id: str | None = None
    arguments: Any = None
    execution: str | None = None


class OutputItem(Wire):
    """A tool's output; function_call_output and custom_tool_call_output differ in name only."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: str
    output: Content | Json | None = None


class ToolSearchOutputItem(Wire):
    type: Literal["tool_search_output"]
    call_id: str | None = None
    status: str | None = None
    tools: list[Tool] = Field(default_factory=list)


class AdditionalToolsItem(Wire):
    """The lite shape of newer models: tools declared inside the input."""

    type: Literal["additional_tools"]
    role: str | None = None
    tools: list[Tool] = Field(default_factory=list)


class AgentMessageItem(Wire):
    """A message from one agent to another; encrypted parts hold the model's own plain text."""

    type: Literal["agent_message"]
    author: str | None = None
    recipient: str | None = None
    content: Content | None = None


class CompactionItem(Wire):
    type: Literal["compaction", "compaction_summary", "context_compaction"]
    encrypted_content: str | None = None


class CompactionTriggerItem(Wire):
    type: Literal["compaction_trigger"]


class UnknownItem(OpenWire):
    """An item kind that only a Responses upstream understands (web_search_call, ...), or one newer than this file."""

    type: str = "unknown"


_ITEM_TAGS = {
    "message": "message",
    "reasoning": "reasoning",
    "function_call": "function_call",
    "custom_tool_call": "custom_tool_call",
    "tool_search_call": "tool_search_call",
    "function_call_output": "output",
    "custom_tool_call_output": "output",
    "tool_search_output": "tool_search_output",
    "additional_tools": "additional_tools",
    "agent_message": "agent_message",
    "compaction": "compaction",
    "compaction_summary": "compaction",
    "context_compaction": "compaction",
    "compaction_trigger": "compaction_trigger",
}


def _item_tag(value: Any) -> str:
    if not isinstance(value, dict):
        return _ITEM_TAGS.get(getattr(value, "type", ""), "unknown")
    kind = value.get("type")
    if kind is None and "role" in value:
        return "message"
    return _ITEM_TAGS.get(kind, "unknown") if isinstance(kind, str) else "unknown"


type Item = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[CustomCallItem, Tag("custom_tool_call")]
    | Annotated[ToolSearchCallItem, Tag("tool_search_call")]
    | Annotated[OutputItem, Tag("output")]
    | Annotated[ToolSearchOutputItem, Tag("tool_search_output")]
    | Annotated[AdditionalToolsItem, Tag("additional_tools")]
    | Annotated[AgentMessageItem, Tag("agent_message")]
    | Annotated[CompactionItem, Tag("compaction")]
    | Annotated[CompactionTriggerItem, Tag("compaction_trigger")]
    | Annotated[UnknownItem, Tag("unknown")],
    Discriminator(_item_tag),
]
type CallItem = FunctionCallItem | CustomCallItem | ToolSearchCallItem
type AnyOutputItem = OutputItem | ToolSearchOutputItem

# --- the request ---


class ReasoningSettings(Wire):
    effort: str | None = None
    summary: str | None = None


class TextFormat(Wire):
    type: str = "text"
    name: str | None = None
    schema_: Json | None = Field(default=None, alias="schema")
    strict: bool | None = None
    description: str | None = None


class TextSettings(Wire):
    format: TextFormat | None = None
    verbosity: str | None = None


_LARGEST = 2**63 - 1
"""Upstreams count in 64 bits, as JSON text is written here."""


class Request(Wire):
    """One Responses request. `raw` is the body as it came, for what is echoed or passed on."""

    model: str
    input: Annotated[list[Item], FailFast()]
    instructions: str | None = None
    tools: Annotated[list[Tool], FailFast()] | None = None
    tool_choice: str | Json | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningSettings | None = None
    text: TextSettings | None = None
    stream: bool = False
    max_output_tokens: Annotated[int, Field(ge=0, le=_LARGEST)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    prompt_cache_key: str | None = None
    previous_response_id: str | None = None
    _raw: Json = PrivateAttr(default_factory=dict)

    @property
    def raw(self) -> Json:
        return self._raw


def load(body: bytes) -> Json:
    """The object in a body, freed from any content encoding.

    Raises:
        RequestError: not JSON, not an object, or nested too deep.
    """
    try:
        raw = jsontext.loads(body)
    except jsontext.TooDeep as error:
        message = str(error) if error.place else f"the request body is {error}"
        raise RequestError(message, param=error.place or None) from error
    except ValueError as error:
        raise RequestError(f"the request body is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise RequestError("the request body is not a JSON object")
    return raw


def parse(body: bytes) -> Request:
    """`read(load(body))`."""
    return read(load(body))


def read(raw: Json) -> Request:
    """The request in a loaded body.

    Raises:
        RequestError: a field of the wrong shape; `param` names it.
    """
    fields: Json = {key: value for key, value in raw.items() if value is not None}
    if isinstance(fields.get("input"), str):
        fields["input"] = [{"type": "message", "role": "user", "content": fields["input"]}]
    try:
        request = Request.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        places = [json_path(problem["loc"], raw) for problem in problems]
        # A value of a union has one problem for each member: the deepest is the one that nearly fitted.
        place, problem = max(
            zip(places, problems, strict=True), key=lambda problem: problem[0].count("[") + problem[0].count(".")
        )
        raise RequestError(problem["msg"], param=place) from error
    request._raw = raw
    return request


def json_path(loc: tuple[int | str, ...], raw: Any) -> str:
    """pydantic's location as a path into the body: union tags, which pydantic adds, are not keys of it."""
    path, here = "", raw
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
            here = here[step] if isinstance(here, list) and step < len(here) else None
        elif isinstance(here, dict) and (step in here or step == loc[-1]):
            path += f".{step}" if path else step
            here = here.get(step)
    return path
