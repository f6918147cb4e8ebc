"""What refusals of chat hosts teach: which flag of `dialect.py` leaves out, or spells otherwise, what was refused."""

from collections.abc import Iterator

from converters.dialect import Dialect
from converters.lessons import IMAGES, TOKEN_LIMIT, LessonRules, Step, each, efforts, leave_out, rule, to

_NO_EFFORT = to("effort", "none")
_SAMPLING = (
    r"['\"`]?\b(?:{0})\b['\"`]?(?: does not support| must be|: only)|invalid {0}\b|only.{{0,20}} {0} .{{0,20}}allowed"
)


def _depth(dialect: Dialect, message: str) -> Iterator[Step]:
    """Where depth and thinking are two fields, thinking stays on."""
    if getattr(dialect, "effort", None) != "reasoning_effort":
        yield "efforts", ()
    yield from _NO_EFFORT(dialect, message)


_FORMAT = to("response_format", "json_schema", "json_object", "prompt")
_CHOICE = to("tool_choice", "full", "strings", "auto")
_NO_IMAGES = to("images", False)
_SCHEMA = to("schema_subset", "full", "no_const", "plain", "bare")
_NOT_STRICT = to("strict_tools", False)
_NO_THINKING_BACK = to("reasoning_back", "none")

LESSONS = LessonRules(
    fields={
        "max_tokens": to("max_tokens_field", "max_completion_tokens"),
        "max_completion_tokens": to("max_tokens_field", "max_tokens"),
        "stream_options": to("stream_usage", False),
        "include_usage": to("stream_usage", False),
        "parallel_tool_calls": to("parallel_tool_calls", False),
        "strict": _NOT_STRICT,
        "reasoning_effort": _depth,
        "reasoning": each(_NO_EFFORT, _NO_THINKING_BACK),
        "thinking": _NO_EFFORT,
        "enable_thinking": _NO_EFFORT,
        "chat_template_kwargs": _NO_EFFORT,
        "reasoning_content": _NO_THINKING_BACK,
        "reasoning_details": _NO_THINKING_BACK,
        "response_format": _FORMAT,
        "json_schema": _FORMAT,
        "tool_choice": _CHOICE,
        "image_url": _NO_IMAGES,
        "input_audio": _NO_IMAGES,
        "role": to("instructions_role", "system"),
        "extra_content": to("call_signatures", False),
        "verbosity": to("verbosity", False),
        "prompt_cache_key": to("prompt_cache_key", False),
        "store": to("store", False),
        "schema": _SCHEMA,
        "const": _SCHEMA,
        "additionalProperties": to("schema_subset", "bare"),
        "anyOf": each(to("schema_unions", False), _SCHEMA),
        "oneOf": each(to("schema_unions", False), _SCHEMA),
        "allOf": each(to("schema_unions", False), _SCHEMA),
    },
    rules=(
        TOKEN_LIMIT,
        rule(
            "the role `developer`",
            to("instructions_role", "system"),
            r"(?:role|variant)['\"`:]? ?['\"`]?developer\b",
            r"\bdeveloper['\"`]? (?:is )?not (?:one of|supported|allowed|a valid)",
            r"developer (?:instruction|role|message)s? (?:is|are) not",
        ),
        rule(
            "a later system message",
            to("late_instructions", "user"),
            r"system messages? (?:must|should|can|may|has to).{0,30}(?:beginning|first|start|one)\b",
            r"(?:multiple|more than one|second) system messages?",
        ),
        rule(
            "this effort",
            each(efforts, _depth),
            r"reasoning[_. ]?effort\b.{0,60}(?:not support|one of|expect|must|should|supported v)",
            r"(?:invalid|unsupported|unexpected|unknown).{0,40}reasoning[_. ]?effort\b.{0,40}(?:support|one of|valid)",
            r"(?:invalid|unsupported) value:? ['\"`]?\w{1,20}['\"`]?.{0,150} reasoning[_.]effort$",
            r"level ['\"`]?\w{1,20}['\"`]? not supported, valid levels",
        ),
        rule(
            "an effort",
            each(_depth),
            r"not support (?:\w{1,20}+ )?(?:reasoning|thinking)(?:[_ ](?:effort|mode|parameters?))?\b(?!_)",
            r"(?:reasoning|thinking) (?:effort |mode )?is not (?:supported|available|enabled)",
            r"reasoning_effort['\"`]? (?:are|is) not supported",
        ),
        rule(
            "thinking switched off",
            to("thinking_off", False),
            r"(?:thinking|reasoning)\b.{0,30}(?:cannot|can't|can not|may not) be (?:disabled|turned off)",
            r"not support (?:disabling|turning off)",
            r"thinking\.type.{0,20}disabled.{0,20}not (?:supported|allowed)",
        ),
        rule("images", _NO_IMAGES, *IMAGES),
        rule(
            "this form of a response",
            _FORMAT,
            r"response_format\b.{0,40}(?:unavailable|must be|not supported|not valid|invalid|not available)",
            r"not support (?:response[_ ]format|structured|json[_ ](?:schema|mode|object))",
            r"(?:structured outputs?|json[_ ](?:schema|mode|object))['\"`]? (?:is|are) (?:not (?:supp|enabl|avail)|un)",
        ),
        rule(
            "this choice of tools",
            _CHOICE,
            r"tool[_ ]choice\b.{0,60}(?:not support|incompatible|must|should|supported (?:string )?value|not valid)",
            r"(?:invalid|only an?|not support(?: this)?|unsupported value:?|unsupported) ['\"`]?tool[_ ]choice\b",
        ),
        rule(
            "strict tools",
            _NOT_STRICT,
            r"\bstrict\b['\"`]?(?: mode| tools?)?.{0,40}not (?:supported|allowed)",
            r"consistent.{0,20}strict|strict.{0,20}consistent|too many strict tools|compiled grammar is too large",
            r"invalid schema for function",
        ),
        rule("thinking that lacked", to("reasoning_back", "exact"), r"reasoning_content\b.{0,60}must be passed back"),
        rule(
            "thinking that lacked",
            to("reasoning_back", "calls", "exact"),
            r"reasoning_content is missing in assistant tool call",
        ),
        rule(
            "the form of a call's id",
            to("call_ids", "nine"),
            r"tool call id .{0,100}length of 9",
        ),
        rule(
            "the length of a call's id",
            to("call_ids", "short"),
            r"(?:tool_calls?\S{0,20}id|tool_call_id|call_id)['\"`]?.{0,20}(?:too long|maximum length)",
        ),
        rule(
            "a message without content",
            to("empty_content", "empty"),
            r"invalid type: null, expected a string",
            r"content\b.{0,40}(?:null|none)\b",
        ),
        rule(
            "content that is no text",
            each(to("empty_content", "empty"), _NO_IMAGES),
            r"content: input should be a valid string",
        ),
        rule(
            "an empty list of tools",
            to("empty_tools", False),
            r"\[\] is too short.{0,10}tools",
            r"\btools['\"`]?\b.{0,40}(?:not be empty|be empty|empty (?:array|list)|at least (?:one|1)|too short)",
        ),
        rule("a history of calls without tools", to("empty_tools", True), r"without `?tools=?`? param"),
        rule(
            "a user's message after a tool's",
            to("bridge_after_tool", True),
            r"unexpected role '?user'? after role '?tool",
        ),
        rule(
            "a union at the top of a tool's schema",
            to("schema_unions", False),
            r"\b(?:anyOf|oneOf|allOf)\b.{0,60}(?:top[ -]level|root)",
        ),
        rule("a schema that is `true`", to("schema_subset", "plain"), r"unrecognized schema: (?:true|false)"),
        rule(
            "a part of JSON Schema",
            _SCHEMA,
            r"moonshot flavored json schema",
            r"keyword ['\"`]?(?:const|pattern|minimum|maximum|format)\b",
        ),
        rule("this temperature", leave_out("temperature"), _SAMPLING.format("temperature")),
        rule("this top_p", leave_out("top_p"), _SAMPLING.format("top_p")),
        rule(
            "both of temperature and top_p",
            leave_out("top_p"),
            r"temperature['\"`]? and ['\"`]?top_p['\"`]? (?:cannot|can't|can not|may not)",
        ),
    ),
)
