"""What holds of all lessons, whatever an upstream writes."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext, lessons
from converters.dialect import Dialect
from converters.errors import read_body
from converters.jsontext import Json
from converters.protocols import PROTOCOLS
from tests.converters.refusals import EVERYTHING, error_body, lesson, refused

_WORDS = [
    *(
        "Unsupported parameter:",
        "Unknown name",
        "Extra inputs are not permitted",
        "is not supported",
        "does not support",
    ),
    *("'temperature'", "`tools`", "extra_body", "messages", "tool_choice", "stream", "must be", "true", "developer"),
    *("image_url", "reasoning_effort", "one of", "low, high", "max_tokens", "8192", "thinking", "store", ":", "'", "["),
]
_TEXTS = st.one_of(st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join), st.text(max_size=300))
_NEVER = {"extra_body", "web_search_tool", "thinking_options", "refused_tools"}
FULL: dict[str, Json] = {
    "chat": {"effort": "reasoning_effort", "efforts": ("low", "high"), "reasoning_back": "text", "store": True},
    "anthropic": {"thinking": "adaptive", "efforts": ("low", "high"), "output_format": True},
    "responses": {},
}


def flags_after(protocol: str, message: str, status: int = 400) -> list[tuple[str, object]]:
    """All lessons that one refusal teaches, one after the other, as long as the upstream goes on writing the same."""
    flags, learned = dict(FULL[protocol]), []
    while (change := lesson(protocol, flags, error_body(message), status=status)) is not None:
        if (change.flag, change.value) in learned:
            break
        learned.append((change.flag, change.value))
        flags[change.flag] = change.value
    return learned


@given(st.sampled_from(sorted(FULL)), _TEXTS, st.sampled_from([400, 404, 422, 500, 501]))
def test_whatever_is_written_a_lesson_is_harmless_and_comes_to_an_end(protocol: str, message: str, status: int) -> None:
    """Nothing is sent elsewhere, nothing of anybody else's words is sent, and the conversation goes along as it was."""
    for flag, value in flags_after(protocol, message, status):
        assert flag not in _NEVER
        flags = FULL[protocol] | {flag: value}
        conversion = refused(protocol, flags, b"{}")
        sent = jsontext.loads(conversion.body)
        assert sent["model"] == "model-x"
        assert sent.get("messages") or sent.get("input")
        assert sent.get("tools")


@given(st.sampled_from(sorted(FULL)), st.binary(max_size=400), st.integers(100, 999))
def test_any_bytes_are_no_surprise(protocol: str, body: bytes, status: int) -> None:
    conversion = refused(protocol, FULL[protocol], body, status=status)
    assert conversion.surprise == ""
    assert conversion.fault is not None
    assert conversion.whole().status == 200 or 400 <= conversion.whole().status < 600


@given(st.sampled_from(sorted(FULL)), _TEXTS)
def test_a_lesson_makes_another_request(protocol: str, message: str) -> None:
    before = refused(protocol, FULL[protocol], error_body(message))
    if before.lesson is not None:
        after = refused(protocol, FULL[protocol] | {before.lesson.flag: before.lesson.value}, b"{}")
        assert (after.body, after.headers) != (before.body, before.headers)


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_search_is_linear(protocol: str) -> None:
    """Every repeat has an end."""
    for found in PROTOCOLS[protocol].lessons.rules:
        assert re.findall(r"(?<![?}\\])[*+]|\{[0-9]*,\}", found.words.pattern) == []


@pytest.mark.parametrize(("protocol", "status"), list(product(FULL, [401, 402, 403, 408, 413, 429, 502, 503, 529])))
def test_only_refusals_teach(protocol: str, status: int) -> None:
    body = error_body("Unsupported parameter: 'temperature'")
    assert lesson(protocol, FULL[protocol], body, status=status) is None


def test_an_overflow_teaches_no_shorter_response() -> None:
    message = "This model's maximum context length is 8192 tokens, and you asked for max_tokens: 32000 > 8192"
    assert lesson("anthropic", {}, error_body(message)) is None


def test_what_a_user_puts_into_every_request_is_not_learned_away() -> None:
    flags = {"extra_body": {"seed": 7}}
    assert lesson("chat", flags, error_body("Unsupported parameter: 'seed'")) is None


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        ("Unsupported parameter: 'a_b'", [["a_b"]]),
        ("Unrecognized request argument supplied: functions", [["functions"]]),
        ("Unrecognized request arguments supplied: seed, user", [["seed"]]),
        ('Unknown name "store": Cannot find field', [["store"]]),
        ("tools[3].function.strict: Extra inputs are not permitted", [["tools", "function", "strict"]]),
        ("body.messages.0.name: extra fields not permitted", [["messages", "name"]]),
        ("property 'foo' is unsupported", [["foo"]]),
        ("Model x does not support parameter reasoningEffort.", [["reasoning_effort"]]),
        ("openai does not support parameters: ['seed', 'user'], for model=x", [["seed"]]),
        ("Argument not supported on this model: presencePenalty", [["presence_penalty"]]),
        ("got an unexpected keyword argument 'foo'", [["foo"]]),
        ("Additional fields are not allowed ('foo' was unexpected)", [["fields"], ["foo"]]),
        ("extraneous key [include_usage] is not permitted", [["include_usage"]]),
        ('json: unknown field "store"', [["store"]]),
        ("The weather is fine.", []),
    ],
)
def test_the_field_that_a_refusal_names(message: str, paths: list[list[str]]) -> None:
    assert list(lessons.refused_fields(read_body(error_body(message)))) == paths


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_every_rule_names_flags_and_values_of_its_protocol(protocol: str) -> None:
    row = PROTOCOLS[protocol]
    dialect: Dialect = row.dialect()
    known = row.lessons
    steps = [*known.fields.values(), *(rule.steps for rule in known.rules)]
    for flag, value in (step for find in steps for step in find(dialect, "one of low, high; 8192")):
        changed = row.dialect.model_validate({flag: value})
        assert changed.model_fields_set == {flag}


def test_a_message_of_nothing_but_reasoning_blamed_is_no_lesson_of_the_dialect() -> None:
    conversion = refused(
        "anthropic", FULL["anthropic"], error_body("Invalid `signature` in `thinking` block"), EVERYTHING
    )
    assert conversion.blames_reasoning
    assert conversion.lesson is None
