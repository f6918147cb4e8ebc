"""How a provider departs from Anthropic Messages; each flag names what breaks without it."""

from typing import ClassVar, Literal

from converters.dialect import Dialect, Effort, with_off
from converters.jsontext import Json


class AnthropicDialect(Dialect):
    """Anthropic Messages."""

    KEPT: ClassVar[frozenset[str]] = Dialect.KEPT | {"max_tokens"}

    NO_REASONING: ClassVar[Json] = {"thinking": "none"}

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
    """False: `thinking: {"type": "disabled"}` is refused; it is left out and the least effort is sent."""

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
        return with_off(self.efforts or depths, self.thinking_off)
