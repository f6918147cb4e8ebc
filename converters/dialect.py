"""How a provider departs from its protocol, as typed flags: what all protocols share. Each has its own beside this.

The defaults are the protocol as its inventor serves it. A provider's data (`addons/routing/providers.toml`, the user's
routes file) sets what differs; no code looks at a provider's name. Facts behind the flags: the providers' documentation
and recorded responses, 2026.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from converters import jsontext
from converters.jsontext import Json
from converters.losses import Losses

type Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

EFFORTS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""All efforts that a client may request, weakest first; others (`ultra`, a typo) are clamped."""


def nearest_effort(requested: str, known: Collection[Effort]) -> Effort:
    """The known effort nearest to the requested one, the stronger of two; `known` is not empty.

    Only `none` itself means off. `ultra` is the most, any other unknown word is `medium`.
    """
    wanted = (
        EFFORTS.index(requested) if requested in EFFORTS else EFFORTS.index("max" if requested == "ultra" else "medium")
    )
    usable = [effort for effort in known if effort != "none" or requested == "none"] or list(known)
    return min(usable, key=lambda effort: (abs(EFFORTS.index(effort) - wanted), -EFFORTS.index(effort)))


def with_off(efforts: tuple[Effort, ...], can_be_off: bool) -> tuple[Effort, ...]:
    return ("none", *efforts) if can_be_off and "none" not in efforts else efforts


DEFAULT_EFFORTS: tuple[Effort, ...] = ("none", "medium")
"""What a model that decides by itself how deep to think does anyway: `medium` is what the list of models calls that."""


def _writable(value: Json) -> Json:
    """A file's numbers and its depth have no limits, those of a request have."""
    try:
        jsontext.loads(jsontext.dumps(value))
    except TypeError as error:
        raise ValueError(f"cannot be sent: {error}") from error
    return value


type Sent = Annotated[Json, AfterValidator(_writable)]
"""What stands in requests as it is written in the file."""


@dataclass(frozen=True, slots=True)
class DialectChange:
    """What a refusal taught of an upstream: this flag has another value there. `reason` is in our own words."""

    flag: str
    value: Any
    reason: str


class Dialect(BaseModel):
    """What every protocol's providers may differ in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    STANDARD: ClassVar[Json] = {}
    """The flags of a provider of which nothing is known: what most take. What one refuses is learned."""

    NO_REASONING: ClassVar[Json] = {}
    """The flags of a model that does not reason."""

    KEPT: ClassVar[frozenset[str]] = frozenset(
        {"model", "messages", "input", "instructions", "system", "tools", "stream"}
    )
    """The fields without which a request would be another one: no refusal teaches to leave them out."""

    CONFIGURED: ClassVar[frozenset[str]] = frozenset(
        {
            *("extra_body", "web_search", "web_search_tool", "thinking_options", "refused_tools"),
            *("continue_on_length", "continue_on_empty"),
        }
    )
    """The flags that only a user sets: they put values of anybody's into requests, take its tools, or say what a client
    does next."""

    FEWEST_TOKENS: ClassVar[int] = 1024
    """The least that may be learned of `max_tokens`: fewer would cut every response."""

    images: bool = True
    """False: the model takes text only; images become a placeholder (else 400 on every later turn too)."""

    web_search: Literal["drop", "native"] = "drop"
    """`native`: the upstream runs a search tool of its own under this protocol. `drop`: left out, listed as a loss."""

    web_search_tool: Sent | None = None
    """The tool to offer where `web_search` is native, as the upstream spells it."""

    refused_tools: tuple[str, ...] = ()
    """Tools of the client that are not offered, as globs over `name`, `namespace__name` or a hosted tool's type: those
    whose very name is refused upstream (400 in every turn), or that the client cannot run although it offers them."""

    drop: tuple[str, ...] = ()
    """Fields of the body that are refused (xAI: reasoning.summary, ...), as dotted paths; each is a loss."""

    streaming: Literal["default", "always", "never"] = "default"
    """`default`: a Responses upstream is asked for a stream if the client wants one, any other one always. `always`,
    `never`: all that is taken (400 `stream must be set to true`). The client gets what it wants in any case."""

    continue_on_length: bool = False
    """Codex continues by itself a response that the length limit cut, a few times a turn, instead of an error."""

    continue_on_empty: bool = True
    """A response to a tool's output without text or call lets Codex send once more; else its turn ends there, in
    the middle of the work (reasoning models do so now and then)."""

    extra_body: Sent = Field(default_factory=dict)
    """Merged into every request body, last: what a provider wants that no flag names. Objects are joined at every depth
    (`output_config = { x = 1 }` leaves its `effort`), all else is replaced, lists whole. The same for all protocols."""

    max_tokens: int | None = None
    """Sent where the client gives no limit of its own (Anthropic demands one; Moonshot counts it against the quota)."""

    def choices(self) -> tuple[Effort, ...]:
        """The efforts between which a client can choose to some effect; none: the model decides by itself."""
        return ()

    def completed(self, body: Json, losses: Losses) -> Json:
        """A request body without what is refused, and with `extra_body` in it."""
        for path in self.drop:
            if (left := _without(body, path.split("."))) is not body:
                losses.note(path, path.rpartition(".")[2], "this provider refuses it")
                body = left
        return _merged(body, self.extra_body)

    def streamed(self, body: Json) -> Json:
        """A request body that asks for a stream, or for none, if the upstream takes nothing else."""
        if self.streaming == "default":
            return body
        if self.streaming == "always":
            return {**body, "stream": True}
        return {name: value for name, value in body.items() if name != "stream_options"} | {"stream": False}

    def stream_headers(self) -> dict[str, str]:
        return {"accept": "application/json"} if self.streaming == "never" else {}

    def changed(self, change: DialectChange) -> Self:
        """The dialect with what was learned.

        Raises:
            ValueError: no such flag, no such value, or nothing that may be learned.
        """
        if change.flag in self.CONFIGURED:
            raise ValueError(f"{change.flag} is not learned")
        changed = self.model_validate({**self.model_dump(), change.flag: change.value})
        if kept := self.KEPT & {path.partition(".")[0] for path in set(changed.drop) - set(self.drop)}:
            raise ValueError(f"{', '.join(sorted(kept))} cannot be left out")
        if change.flag == "max_tokens" and (changed.max_tokens or 0) < self.FEWEST_TOKENS:
            raise ValueError("so short a response is not learned")
        return changed


def _without(body: Json, path: list[str]) -> Json:
    """The body without what stands at a path; the very same object where nothing does."""
    name, *rest = path
    if not rest:
        return {key: value for key, value in body.items() if key != name} if name in body else body
    inner = body.get(name)
    if not isinstance(inner, dict) or (left := _without(inner, rest)) is inner:
        return body
    return {**body, name: left}


def _merged(body: Json, extra: Json) -> Json:
    merged = dict(body)
    for name, value in extra.items():
        before = merged.get(name)
        merged[name] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
