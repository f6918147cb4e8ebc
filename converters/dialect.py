"""How a provider departs from its protocol, as typed flags; each says what breaks without it.

The defaults are the protocol as its inventor serves it. A provider's data (`addons/routing/providers.toml`, the user's
routes file) sets what differs; no code asks for a provider's name. Facts behind the flags: the providers' documentation
and recorded answers, 2026.
"""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from converters import jsontext
from converters.jsontext import Json

type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""All efforts that a client may ask for, weakest first; others (`ultra`, a typo) are clamped."""


def nearest_effort(asked: str, known: Collection[Effort]) -> Effort:
    """The known effort nearest to what a client asks for, the stronger of two; `known` is not empty.

    Only `none` itself means off. `ultra` is the most, any other unknown word is `medium`.
    """
    wanted = EFFORTS.index(asked) if asked in EFFORTS else EFFORTS.index("max" if asked == "ultra" else "medium")
    usable = [effort for effort in known if effort != "none" or asked == "none"] or list(known)
    return min(usable, key=lambda effort: (abs(EFFORTS.index(effort) - wanted), -EFFORTS.index(effort)))


def _with_off(efforts: tuple[Effort, ...], can_be_off: bool) -> tuple[Effort, ...]:
    return ("none", *efforts) if can_be_off and "none" not in efforts else efforts


UNTOLD: tuple[Effort, ...] = ("none", "medium")
"""What a model that decides by itself how deep to think does anyway: `medium` is what the list of models calls that."""


def _writable(value: Json) -> Json:
    """A file's numbers and its depth have no limits, those of a request have."""
    try:
        jsontext.loads(jsontext.dumps(value))
    except TypeError as error:
        raise ValueError(f"cannot be sent: {error}") from error
    return value


type _Sent = Annotated[Json, AfterValidator(_writable)]
"""What stands in requests as it is written in the file."""


class Dialect(BaseModel):
    """What every protocol's providers may differ in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: bool = True
    """False: the model takes text only; images become a placeholder (else 400 on every later turn too)."""

    web_search: Literal["drop", "native"] = "drop"
    """`native`: the upstream runs a search tool of its own under this protocol. `drop`: left out, listed as a loss."""

    web_search_tool: _Sent | None = None
    """The tool to offer where `web_search` is native, as the upstream spells it."""

    refused_tools: tuple[str, ...] = ()
    """Tools of the client that are not offered, as globs over `name`, `namespace__name` or a hosted tool's type: those
    whose very name is refused upstream (400 in every turn), or that the client cannot run although it offers them."""

    continue_on_length: bool = False
    """An answer cut by the length limit tells Codex to go on by itself, a few times a turn, instead of an error."""

    continue_on_empty: bool = True
    """An answer to a tool's output that says and calls nothing lets Codex ask once more; else its turn ends there, in
    the middle of the work (reasoning models do so now and then)."""

    extra_body: _Sent = Field(default_factory=dict)
    """Merged into every request body, last: what a provider wants that no flag names. Objects are joined at every depth
    (`output_config = { x = 1 }` leaves its `effort`), all else is replaced, lists whole. The same for all protocols."""

    max_tokens: int | None = None
    """Sent where the client gives no limit of its own (Anthropic demands one; Moonshot counts it against the quota)."""

    def choices(self) -> tuple[Effort, ...]:
        """The efforts between which a client can choose to some effect; none: the model decides by itself."""
        return ()

    def completed(self, body: Json) -> Json:
        """A request body with `extra_body` in it."""
        return _merged(body, self.extra_body)


def _merged(body: Json, extra: Json) -> Json:
    merged = dict(body)
    for name, value in extra.items():
        before = merged.get(name)
        merged[name] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


class ChatDialect(Dialect):
    """OpenAI Chat Completions."""

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
    """How the client's effort is told: not at all; `reasoning_effort: "high"`; `reasoning: {"effort": "high"}`
    (OpenRouter, Kilo); `thinking: {"type": "enabled"}` (+ `reasoning_effort` where `efforts` are listed; DeepSeek,
    Z.AI, Moonshot); `enable_thinking: true` (DashScope); `chat_template_kwargs: {"enable_thinking": true}` (vLLM)."""

    efforts: tuple[Effort, ...] = ()
    """The depths that the upstream knows; what the client asks for is clamped to the nearest. Empty: on or off only."""

    thinking_off: bool = True
    """False: the model always thinks and refuses to be switched off (K2.7-code, GLM-5.3): `none` then is the least."""

    thinking_options: _Sent = Field(default_factory=dict)
    """What else stands in `thinking` while it is on, sent unasked too: how Z.AI (`clear_thinking: false`) and Moonshot
    (`keep: "all"`) are told to keep earlier thinking."""

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

    schema_subset: Literal["full", "no_const", "plain"] = "full"
    """Tool schemas: `no_const`: const becomes enum, local references are resolved and validators go (Moonshot).
    `plain`: also no bare `true` schemas (llama.cpp)."""

    schema_unions: bool = True
    """False: anyOf, oneOf or allOf at the root of a tool's schema is refused (xAI): its branches become one object."""

    think_tags: bool = True
    """`<think>` at the start of the content is thinking (MiniMax, local servers without a parser)."""

    think_opened: bool = False
    """The template opens `<think>` in the prompt, so that only `</think>` comes (DeepSeek R1, Qwen thinking models on a
    server without a parser): without the flag all thinking is shown as text. An answer that never closes it says
    nothing, so this is not for models whose thinking is switched off."""

    cumulative: bool = False
    """Each delta holds the whole text so far (MiniMax without split)."""

    call_signatures: bool = False
    """`extra_content` of tool calls goes back (Gemini's OpenAI-compatible endpoint: thought signatures)."""

    def choices(self) -> tuple[Effort, ...]:
        if self.effort == "none":
            return ()
        if self.effort == "reasoning_effort":  # `none` is one of the words there, or not known
            return self.efforts
        return _with_off(self.efforts or ("medium",), self.thinking_off)


class AnthropicDialect(Dialect):
    """Anthropic Messages."""

    max_tokens: int | None = 32000
    """Anthropic answers 400 without a limit, so 32000 stands in for None. Thinking counts towards it."""

    documents: bool = True
    """False: `document` blocks are refused (DeepSeek and others); PDF files become a placeholder."""

    thinking: Literal["none", "budget", "adaptive", "enabled"] = "none"
    """`budget`: `{"type": "enabled", "budget_tokens": N}` (Sonnet 3.7 to 4.5, Opus 4 to 4.5). `adaptive`: with
    `output_config.effort` (4.6 and later). `enabled`: on or off, without a budget (compatible hosts)."""

    efforts: tuple[Effort, ...] = ()
    """What `output_config.effort` knows; empty: the field is not sent."""

    thinking_off: bool = True
    """False: `thinking: {"type": "disabled"}` is refused; it is left out and the least effort asked for."""

    thinking_display: bool = False
    """Ask for `display: "summarized"`: where omitted thinking is the default (Opus 4.7 and later); others refuse it."""

    interleaved_beta: bool = False
    """Send the interleaved-thinking beta header (budget models of Anthropic; other hosts refuse unknown betas)."""

    unsigned_thinking: bool = False
    """Thinking without a signature is taken, and wanted, back (Z.AI, DeepSeek, MiniMax)."""

    signature_family: str = "anthropic"
    """Who checks the signatures of thinking. One made elsewhere gets 400 "Invalid `signature` in `thinking` block", so
    only thinking of the same family goes back. Anthropic's own are good at Bedrock and Vertex too."""

    forced_tool_choice: Literal["full", "without_thinking", "never"] = "without_thinking"
    """Whether any/tool is taken: always, only with thinking off (which a forced choice then switches off), never."""

    cache: bool = True
    """`cache_control` breakpoints are known."""

    result_ids: bool = False
    """tool_result also wants `id` (Z.AI)."""

    strict_tools: bool = False
    output_format: bool = False
    """`output_config.format` is known; else the schema goes into the instructions."""

    sampling: bool = True
    """`temperature` and `top_p` are known (Opus 4.7 and later refuse them)."""

    def choices(self) -> tuple[Effort, ...]:
        if self.thinking == "none":
            return ()
        depths: tuple[Effort, ...] = ("low", "medium", "high", "max") if self.thinking == "budget" else ("medium",)
        return _with_off(self.efforts or depths, self.thinking_off)


class ResponsesDialect(Dialect):
    """The Responses API itself, elsewhere: what is passed on but for model, address and key."""

    drop: tuple[str, ...] = ()
    """Body keys that this host refuses (xAI: reasoning.summary, ...), as dotted paths."""

    efforts: tuple[Effort, ...] = ()
    """The depths that its models know, for the list of models; what a client asks for passes as it is."""

    downgrade_custom: bool = False
    """Custom tools are refused: the list of models then does not make Codex offer any."""

    seals: bool = False
    """The upstream is this proxy too: our seals go on, it reads them. OpenAI answers `invalid_encrypted_content`."""

    def choices(self) -> tuple[Effort, ...]:
        return self.efforts or ("low", "medium", "high")
