"""What an upstream's refusal teaches of its dialect: rules as data, a table in each protocol's folder.

A refusal that names a field (`Unsupported parameter: 'x'`) changes the flag that sends it, and where there is none, the
field is left out from then on. What a refusal says otherwise is known by its words. A rule proposes flags and values,
weaker and weaker; the first that makes another request of the refused one is the lesson (`conversion.py`). So nothing
is learned that the request did not hold, and nothing twice.

An upstream can write what it likes: rules hold the values, it only chooses among them. All repeats are bounded, so that
a search is linear in a text that is short.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from converters.dialect import EFFORTS, Dialect, DialectChange
from converters.errors import ErrorBody

type Step = tuple[str, Any]
"""A flag and its value."""

type Steps = Callable[[Dialect, str], Iterable[Step]]
"""What to try for a dialect and a message, one after the other."""

STATUSES = (400, 404, 422, 500, 501)
"""Refusals; some call theirs not found, or a mistake of their own."""

_MOST_NAMES = 8


def to(flag: str, *values: Any) -> Steps:
    """The values, the weakest last; of those that the dialect has one of, what comes after it."""

    def steps(dialect: Dialect, _: str) -> Iterator[Step]:
        present = getattr(dialect, flag)
        start = values.index(present) + 1 if present in values else 0
        yield from ((flag, value) for value in values[start:])

    return steps


def each(*all_steps: Steps) -> Steps:
    return lambda dialect, message: (step for steps in all_steps for step in steps(dialect, message))


def leave_out(path: str) -> Steps:
    """A field, dotted, that no flag stands for."""
    return lambda dialect, _: [("drop", (*dialect.drop, path))]


@dataclass(frozen=True, slots=True)
class Rule:
    """`what` is refused, in our own words, where a message has these words."""

    what: str
    words: re.Pattern[str]
    steps: Steps


def rule(what: str, steps: Steps, *ways: str) -> Rule:
    return Rule(what, re.compile("|".join(ways), re.IGNORECASE), steps)


@dataclass(frozen=True, slots=True)
class LessonRules:
    """A protocol's. `fields`: what is sent, by its name there; a path's last known name counts."""

    fields: Mapping[str, Steps] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


def changes(known: LessonRules, dialect: Dialect, error: ErrorBody) -> Iterator[DialectChange]:
    """All that a refusal may teach, the likeliest first."""
    message = " ".join([error.message, *error.params[:_MOST_NAMES]])
    for found in (*known.rules, *_COMMON):
        if found.words.search(message):
            yield from _changes(found.what, found.steps(dialect, message))
    for path in refused_fields(error):
        if _SCHEMAS & set(path[:-1]):  # what stands in a tool's schema is no field, whatever it is called
            path = [path[-1] if path[-1] in _KEYWORDS else "schema"]
        if name := next((name for name in reversed(path) if name in known.fields), ""):
            yield from _changes(name, known.fields[name](dialect, message))
        if path[0] not in dialect.KEPT:
            whole = ".".join(path)
            yield from _changes(whole, leave_out(whole)(dialect, message))


def _changes(what: str, steps: Iterable[Step]) -> Iterator[DialectChange]:
    return (DialectChange(flag, value, f"{what} was refused") for flag, value in steps)


_SCHEMAS = {"parameters", "input_schema", "properties", "schema", "function_declarations"}
_KEYWORDS = {"const", "additionalProperties", "anyOf", "oneOf", "allOf"}

# --- the fields that a refusal names ---

_NAME = r"['\"`]?+(?P<{}>[\w.\[\]-]{{1,80}}+)"
_NOT_KNOWN = (
    r"(?:not (?:supported|permitted|allowed|recognized|known|available)|un(?:supported|known|recognized)|deprecated)"
)
_FIELD = r"(?:parameter|param|argument|field|property|key|option|input|name)"
_NAMES = re.compile(
    "|".join(
        (
            rf"(?:un(?:supported|known|recognized|expected)|extraneous|extra) (?:request |body |keyword ){{0,2}}"
            rf"{_FIELD}s?(?:\(s\))?(?: in object)?(?: supplied| provided)?:? ?[\[({{]?{_NAME.format('a')}",
            rf"{_NAME.format('b')}['\"`]?+:? {{1,2}}extra (?:inputs|fields) (?:are )?not permitted",
            rf"{_NAME.format('c')}['\"`]?+ (?:{_FIELD} )?(?:is|are|was) (?:currently )?{_NOT_KNOWN}",
            rf"not support (?:the )?(?:following )?{_FIELD}s?:? ?[\[({{]?{_NAME.format('d')}",
            rf"{_FIELD} not supported[\w ]{{0,30}}+: ?{_NAME.format('e')}",
            rf"{_NAME.format('f')}['\"`]?+ was unexpected",
        )
    ),
    re.IGNORECASE,
)
_UNKNOWN_CODES = {"unsupported_parameter", "unknown_parameter", "unsupported_param", "extra_forbidden", "unknown_field"}
_OUTER = {"body", "request"}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def refused_fields(error: ErrorBody) -> Iterator[list[str]]:
    """The paths of the fields that a refusal does not know, without numbers: `tools[3].strict` is tools, strict."""
    if _UNKNOWN_CODES & {code.lower() for code in error.codes}:
        yield from filter(None, map(_path, error.params[:_MOST_NAMES]))
    for number, found in enumerate(_NAMES.finditer(error.message)):
        if number == _MOST_NAMES:
            break
        if path := _path(found[found.lastgroup or 0]):
            yield path


def _path(text: str) -> list[str]:
    names = [name for name in re.split(r"[.\[\]]", text[:_LONGEST_PATH]) if name and not name.isdecimal()]
    while names and names[0].lower() in _OUTER:
        names = names[1:]
    return [name if name in _KEYWORDS else _CAMEL.sub("_", name).lower() for name in names]


_LONGEST_PATH = 100

# --- what all protocols share ---

_LISTED = re.compile(
    r"(?:(?:supported|valid|allowed|permitted|available|accepted|possible) (?:values|types|levels|efforts|options)"
    r"|\bone of|\bexpected|should be|must be)(?P<values>.{2,200})",
    re.IGNORECASE,
)
_ANOTHER_SENTENCE = re.compile(r"\b(?:received|got|but|found|instead)\b|[.;] ", re.IGNORECASE)
_EFFORT = re.compile(rf"\b(?:{'|'.join(EFFORTS)})\b", re.IGNORECASE)
_NOT_THIS = re.compile(
    rf"(?:not support|unexpected reasoning effort|invalid value:?) ['\"`]?({'|'.join(EFFORTS)})\b", re.I
)


def efforts(dialect: Dialect, message: str) -> Iterator[Step]:
    """The efforts that a message lists, else all but the one that it refuses."""
    listed = _LISTED.search(message)
    words = _ANOTHER_SENTENCE.split(listed["values"], maxsplit=1)[0] if listed else ""
    known = {word.lower() for word in _EFFORT.findall(words)}
    if not known and (refused := _NOT_THIS.search(message)):
        known = set(getattr(dialect, "efforts", ())) - {refused[1].lower()}
    if known - {"none"}:
        yield "efforts", tuple(effort for effort in EFFORTS if effort in known)


_ABOVE = re.compile(r"[0-9] > ([0-9]{4,7})\b")
_NUMBER = re.compile(r"(?<![\w.])[0-9]{4,7}(?![\w.]*[0-9])")


def token_limit(dialect: Dialect, message: str) -> Iterator[Step]:
    """The largest limit that a message names below ours; a tiny one would cut every response, and is none."""
    limit, text = dialect.max_tokens, message.replace(",", "")
    named = [int(number) for number in _ABOVE.findall(text) or _NUMBER.findall(text)]
    if lower := [number for number in named if dialect.FEWEST_TOKENS <= number < (limit or 0)]:
        yield "max_tokens", max(lower)


TOKEN_LIMIT = rule(
    "the length of a response",
    token_limit,
    r"max_(?:completion_|output_|new_)?tokens\b.{0,80}(?:>|<|too large|at most|less than|exceed|range|maximum)",
    r"range of `?max_(?:completion_)?tokens",
    r"maximum tokens you requested exceeds",
    r"maximum (?:allowed )?(?:number of )?output tokens",
)

IMAGES = (
    r"unknown variant [`'\"](?:image_url|input_audio|image)[`'\"]",
    r"(?:not|n't) support (?:\w{1,20}+ ){0,2}(?:image|vision|multi-?modal)",
    r"support (?:image|vision) inputs?\b",
    r"images? (?:input|content|url)s? (?:is|are) (?:not supported|unsupported|not allowed)",
    r"not a (?:multi-?modal|vision) model|text-only model",
    r"invalid content type.{0,20}image_url|image_url is only supported",
    r"input tag '(?:image|image_url)'",
)

_COMMON = (
    rule(
        "a response that is no stream",
        to("streaming", "always"),
        r"stream_required",
        r"only (?:supports? )?stream(?:ing)?\b(?!_)",
        r"`?'?\"?\bstream\b['\"`]? (?:parameter )?(?:must|should) be (?:set to )?['\"`]?true",
        r"stream(?:ing)? (?:mode )?is required|requires? stream(?:ing)?\b|must be streamed|must use stream",
        r"non-?stream(?:ing|ed)?\b.{0,40}(?:not supported|unsupported|not allowed|disabled)",
        r"not support (?:non-?stream|http call)",
    ),
    rule(
        "a streamed response",
        to("streaming", "never"),
        r"(?<!non-)\bstream(?:ing|ed)?(?: (?:mode|responses?))? (?:is|are) (?:not (?:supp|allow|avail)|unsupp)",
        r"not support (?:response )?stream(?:ing)?\b(?!_)",
        r"\bstream\b['\"`]? (?:parameter )?(?:must|should) be (?:set to )?['\"`]?false",
    ),
)
