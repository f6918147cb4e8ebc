"""How a provider departs from its protocol, as typed flags: what all protocols share. Each has its own beside this.

The defaults are the protocol as its inventor serves it. A provider's data (`addons/routing/providers.toml`, the user's
routes file) sets what differs; no code looks at a provider's name. Facts behind the flags: the providers' documentation
and recorded responses, 2026.
"""

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from converters import jsontext
from converters.jsontext import Json

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


class Dialect(BaseModel):
    """What every protocol's providers may differ in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    NO_REASONING: ClassVar[Json] = {}
    """The flags of a model that does not reason."""

    images: bool = True
    """False: the model takes text only; images become a placeholder (else 400 on every later turn too)."""

    web_search: Literal["drop", "native"] = "drop"
    """`native`: the upstream runs a search tool of its own under this protocol. `drop`: left out, listed as a loss."""

    web_search_tool: Sent | None = None
    """The tool to offer where `web_search` is native, as the upstream spells it."""

    refused_tools: tuple[str, ...] = ()
    """Tools of the client that are not offered, as globs over `name`, `namespace__name` or a hosted tool's type: those
    whose very name is refused upstream (400 in every turn), or that the client cannot run although it offers them."""

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

    def completed(self, body: Json) -> Json:
        """A request body with `extra_body` in it."""
        return _merged(body, self.extra_body)


def _merged(body: Json, extra: Json) -> Json:
    merged = dict(body)
    for name, value in extra.items():
        before = merged.get(name)
        merged[name] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged
