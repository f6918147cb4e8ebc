"""How providers depart from their protocols."""

import pytest
from pydantic import ValidationError

from converters import jsontext
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.dialect import EFFORTS, Dialect, Effort, nearest_effort
from converters.responses.dialect import ResponsesDialect


@pytest.mark.parametrize(
    ("asked", "known", "nearest"),
    [
        ("high", EFFORTS, "high"),
        ("minimal", ("low", "high"), "low"),
        ("medium", ("low", "high"), "high"),
        ("xhigh", ("low", "high", "max"), "max"),
        ("ultra", ("low", "high"), "high"),
        ("a typo", EFFORTS, "medium"),
        ("minimal", ("none", "high"), "high"),
        ("none", ("none", "high"), "none"),
        ("none", ("low", "high"), "low"),
        ("high", ("none",), "none"),
    ],
)
def test_an_effort_is_told_as_the_nearest_that_is_known(asked: str, known: tuple[Effort, ...], nearest: Effort) -> None:
    assert nearest_effort(asked, known) == nearest


def test_a_flag_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError):
        AnthropicDialect.model_validate({"thinkng": "budget"})


@pytest.mark.parametrize("dialect", [ChatDialect, AnthropicDialect, ResponsesDialect])
def test_a_providers_own_fields_join_objects_at_every_depth_and_replace_all_else(dialect: type[Dialect]) -> None:
    extra = {
        "output_config": {"cite": True, "format": {"a": 1}},
        "stream_options": None,
        "stop": ["b"],
        "seed": {"a": 1},
    }
    body = {"output_config": {"effort": "high", "format": {"b": 2}}, "stream_options": {}, "stop": ["a"], "seed": 1}
    before = jsontext.dumps(body)
    assert dialect(extra_body=extra).completed(body) == {
        "output_config": {"effort": "high", "format": {"b": 2, "a": 1}, "cite": True},
        "stream_options": None,
        "stop": ["b"],
        "seed": {"a": 1},
    }
    assert jsontext.dumps(body) == before


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize("wrong", [{"seed": 10**40}, nested(200), nested(300), {"a": {1, 2}}])
def test_what_no_request_can_hold_is_refused_when_it_is_read(wrong: object) -> None:
    assert ChatDialect(extra_body=nested(100))
    for flag in ("extra_body", "web_search_tool", "thinking_options"):
        with pytest.raises(ValidationError):
            ChatDialect(**{flag: wrong})  # type: ignore[arg-type]
