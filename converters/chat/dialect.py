"""How a provider departs from Chat Completions; each flag names what breaks without it."""

from typing import ClassVar, Literal

from pydantic import Field

from converters.dialect import Dialect, Effort, Sent, with_off
from converters.jsontext import Json


class ChatDialect(Dialect):
    """OpenAI Chat Completions."""

    STANDARD: ClassVar[Json] = {
        "effort": "reasoning_effort",
        "efforts": ("low", "medium", "high"),
        "reasoning_back": "text",
        "parallel_tool_calls": True,
    }

    NO_REASONING: ClassVar[Json] = {"effort": "none", "reasoning_back": "none"}

    instructions_role: Literal["system", "developer"] = "system"
    """Only OpenAI and Azure know `developer`; others answer 400 or ignore it."""

    late_instructions: Literal["keep", "merge", "user"] = "user"
    """Instructions after the first turn. Qwen's and others' templates refuse a second system message. `keep`: in place,
    as `instructions_role`; `merge`: into the first; `user`: in place, as a marked user message (keeps the prefix
    stable, hence the default)."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's reasoning models refuse `max_tokens`; Mistral, Moonshot and others refuse the other."""

    stream_usage: bool = True
    """Ask for usage in the stream. False where `stream_options` is refused or usage comes anyway."""

    reasoning_back: Literal["none", "text", "exact", "calls", "details", "parts", "think"] = "none"
    """How earlier thinking goes back on assistant messages:
    `none`: not at all. `text`: as `reasoning_content` where there is some.
    `exact`: as `reasoning_content` on every assistant message once thinking is on, "" where lost (DeepSeek, MiMo: 400
    without). `calls`: as `reasoning_content` on every message with calls, "." where lost (Kimi: 400 without).
    `details`: `reasoning_details` unmodified where there are some, else `reasoning` (OpenRouter, MiniMax).
    `parts`: as `thinking` content parts (Mistral). `think`: in `<think>` tags of the content (MiniMax unsplit)."""

    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    """The field of `text`, `exact` and `calls` (Groq, Cerebras and newer vLLM read `reasoning`)."""

    effort: Literal["none", "reasoning_effort", "reasoning", "thinking", "enable_thinking", "template"] = "none"
    """How the client's effort is sent: not at all; `reasoning_effort: "high"`; `reasoning: {"effort": "high"}`
    (OpenRouter, Kilo); `thinking: {"type": "enabled"}` (+ `reasoning_effort` where `efforts` are listed; DeepSeek,
    Z.AI, Moonshot); `enable_thinking: true` (DashScope); `chat_template_kwargs: {"enable_thinking": true}` (vLLM)."""

    efforts: tuple[Effort, ...] = ()
    """The depths that the upstream knows; the client's effort is clamped to the nearest. Empty: on or off only."""

    thinking_off: bool = True
    """False: the model always thinks and refuses to be switched off (K2.7-code, GLM-5.3): `none` then is the least."""

    thinking_options: Sent = Field(default_factory=dict)
    """What else stands in `thinking` while it is on, sent without an effort too: how Z.AI (`clear_thinking: false`) and
    Moonshot (`keep: "all"`) keep earlier thinking."""

    tool_choice: Literal["full", "strings", "auto"] = "full"
    """`strings`: an object is refused (llama.cpp, LM Studio): a named tool becomes the only one, `required`.
    `auto`: nothing but the default is taken (DeepSeek thinking), the field is left out."""

    parallel_tool_calls: bool = False
    """The field is known. False: it is sent only to forbid parallel calls."""

    strict_tools: bool = False
    """`strict` in a function is known; else left out (Moonshot refuses it)."""

    response_format: Literal["json_schema", "json_object", "prompt", "none"] = "json_schema"
    """What of structured output is known. `json_object` and `prompt` also put the schema into the instructions."""

    verbosity: bool = False
    prompt_cache_key: bool = False
    store: bool = False
    """`store: false` is known (OpenAI; Google's shim answers 400 Unknown name)."""

    call_ids: Literal["short", "opaque", "nine", "indexed"] = "short"
    """`short`: at most 40 characters (OpenAI). `opaque`: any, as they came (hosts that keep state in the id). `nine`:
    exactly nine of [a-zA-Z0-9] (Mistral). `indexed`: `functions.NAME:INDEX` (Kimi, as it was trained)."""

    result_names: bool = False
    """Tool messages need the tool's `name` (Mistral)."""

    bridge_after_tool: bool = False
    """A user message may not follow a tool message: an assistant message stands between (Mistral, Devstral)."""

    empty_content: Literal["null", "empty"] = "null"
    """`content` of an assistant message that only calls (Kimi and DeepSeek want a string)."""

    empty_tools: bool = False
    """`tools: []` where the history has calls and no tool is offered (Anthropic behind a proxy answers 400 without)."""

    schema_subset: Literal["full", "no_const", "plain", "bare"] = "full"
    """Tool schemas: `no_const`: const becomes enum, local references are resolved and validators go (Moonshot).
    `plain`: also no bare `true` schemas (llama.cpp). `bare`: nor `additionalProperties` (Google's older models)."""

    schema_unions: bool = True
    """False: anyOf, oneOf or allOf at the root of a tool's schema is refused (xAI): its branches become one object."""

    think_tags: bool = True
    """`<think>` at the start of the content is thinking (MiniMax, local servers without a parser)."""

    think_opened: bool = False
    """The template opens `<think>` in the prompt, so that only `</think>` comes (DeepSeek R1, Qwen thinking models on a
    server without a parser): without the flag all thinking is shown as text. A response that never closes it has
    no text, so this is not for models whose thinking is switched off."""

    cumulative: bool = False
    """Each delta holds the whole text so far (MiniMax without split)."""

    call_signatures: bool = False
    """`extra_content` of tool calls goes back (Gemini's OpenAI-compatible endpoint: thought signatures)."""

    def choices(self) -> tuple[Effort, ...]:
        if self.effort == "none":
            return ()
        if self.effort == "reasoning_effort":  # `none` is one of the words there, or not known
            return self.efforts
        return with_off(self.efforts or ("medium",), self.thinking_off)
