"""What refusals of Anthropic and its like teach: which flag of `dialect.py` leaves out what was refused."""

from collections.abc import Iterator

from converters.dialect import Dialect
from converters.lessons import IMAGES, TOKEN_LIMIT, LessonRules, Step, each, efforts, rule, to

_NO_DEPTH = to("efforts", ())
_NO_FORMAT = to("output_format", False)
_NO_SAMPLING = to("sampling", False)
_NO_BETA = to("interleaved_beta", False)
_NO_IMAGES = to("images", False)
_NO_DOCUMENTS = to("documents", False)
_NO_THINKING = to("thinking", "none")


def _depth(dialect: Dialect, message: str) -> Iterator[Step]:
    if getattr(dialect, "thinking", "none") != "budget":
        yield from efforts(dialect, message)


LESSONS = LessonRules(
    fields={
        "cache_control": to("cache", False),
        "strict": to("strict_tools", False),
        "temperature": _NO_SAMPLING,
        "top_p": _NO_SAMPLING,
        "effort": _NO_DEPTH,
        "format": _NO_FORMAT,
        "output_format": _NO_FORMAT,
        "output_config": each(_NO_FORMAT, _NO_DEPTH),
        "thinking": _NO_THINKING,
        "display": to("thinking_display", False),
        "image": _NO_IMAGES,
        "document": _NO_DOCUMENTS,
        "id": to("result_ids", False),
    },
    rules=(
        TOKEN_LIMIT,
        rule("a budget for thinking", to("thinking", "adaptive"), r"thinking\.type\.enabled\W{0,3} is not supported"),
        rule(
            "adaptive thinking",
            to("thinking", "budget"),
            r"adaptive thinking is not (?:supported|available)",
            r"thinking\.type\.adaptive\W{0,3} is not supported",
            r"thinking\b.{0,120}expected tags: 'disabled', 'enabled'",
            r"thinking\.type: input should be 'enabled' or 'disabled'",
        ),
        rule("thinking without a budget", to("thinking", "budget"), r"budget_tokens: field required"),
        rule(
            "thinking switched off",
            to("thinking_off", False),
            r"thinking\.type\.disabled\W{0,3} is not supported",
            r"thinking\b.{0,30}(?:cannot|can't|can not|may not) be (?:disabled|turned off)",
        ),
        rule(
            "thinking",
            _NO_THINKING,
            r"not support (?:extended )?thinking\b",
            r"\bthinking is not (?:supported|available|enabled)",
        ),
        rule(
            "this effort",
            _depth,
            r"(?:reasoning |output_config\.)effort\b.{0,60}(?:not support|one of|should be|must be|supported [vtl])",
        ),
        rule("an effort", _NO_DEPTH, r"not support (?:the )?['\"`]?effort\b"),
        rule(
            "a forced choice of tools",
            to("forced_tool_choice", "full", "without_thinking", "never"),
            r"thinking may not be enabled when tool_choice forces",
            r"tool_choice\b.{0,60}(?:not support|incompatible|must be|only)",
            r"not support (?:forced |this )?['\"`]?tool[_ ]choice",
        ),
        rule("images", _NO_IMAGES, *IMAGES),
        rule(
            "documents",
            _NO_DOCUMENTS,
            r"unknown variant [`'\"]document[`'\"]|input tag 'document'",
            r"not support (?:\w{1,20}+ )?(?:documents?|pdfs?|files?)\b",
            r"\bdocuments? (?:input|content|block)s? (?:is|are) not (?:supported|allowed)",
        ),
        rule(
            "a form of the response",
            _NO_FORMAT,
            r"structured outputs? (?:is|are) not (?:supported|available)",
            r"not support (?:structured outputs?|output_config\.format|output_format)",
            r"output_config\.format\b.{0,40}(?:not supported|not permitted|invalid)",
        ),
        rule(
            "cache marks", to("cache", False), r"cache_control\b.{0,60}(?:not supported|not permitted|unknown|invalid)"
        ),
        rule("strict tools", to("strict_tools", False), r"too many strict tools|compiled grammar is too large"),
        rule(
            "the header anthropic-beta",
            _NO_BETA,
            r"anthropic-beta\b|interleaved-thinking-\d|invalid beta flag|unsupported beta",
        ),
        rule("both of temperature and top_p", _NO_SAMPLING, r"temperature['\"`]? and ['\"`]?top_p['\"`]? cannot"),
    ),
)
