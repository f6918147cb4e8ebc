"""How providers depart from their protocols."""

import pytest
from pydantic import ValidationError

from converters import jsontext
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.dialect import EFFORTS, Dialect, DialectChange, Effort, nearest_effort
from converters.losses import Losses
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
    assert dialect(extra_body=extra).completed(body, Losses()) == {
        "output_config": {"effort": "high", "format": {"b": 2, "a": 1}, "cite": True},
        "stream_options": None,
        "stop": ["b"],
        "seed": {"a": 1},
    }
    assert jsontext.dumps(body) == before


@pytest.mark.parametrize("dialect", [ChatDialect, AnthropicDialect, ResponsesDialect])
def test_refused_fields_are_left_out_and_listed(dialect: type[Dialect]) -> None:
    body = {"reasoning": {"effort": "high", "summary": "auto"}, "store": False, "user": "u"}
    before, losses = jsontext.dumps(body), Losses()
    out = dialect(drop=("reasoning.summary", "store", "seed", "user.name")).completed(body, losses)
    assert out == {"reasoning": {"effort": "high"}, "user": "u"}
    assert [loss.path for loss in losses] == ["reasoning.summary", "store"]
    assert jsontext.dumps(body) == before


def test_an_upstream_is_asked_for_the_one_form_that_it_has() -> None:
    body = {"stream": True, "stream_options": {"include_usage": True}, "model": "m"}
    assert ChatDialect().streamed(body) is body
    assert ChatDialect(streaming="never").streamed(body) == {"stream": False, "model": "m"}
    assert ResponsesDialect(streaming="always").streamed({"model": "m"}) == {"stream": True, "model": "m"}


@pytest.mark.parametrize(
    "change",
    [
        DialectChange("extra_body", {"a": 1}, ""),
        DialectChange("thinking_options", {"a": 1}, ""),
        DialectChange("refused_tools", ("*",), ""),
        DialectChange("web_search", "native", ""),
        DialectChange("continue_on_empty", False, ""),
        DialectChange("max_tokens", 1023, ""),
        DialectChange("drop", ("tools",), ""),
        DialectChange("drop", ("messages.content",), ""),
        DialectChange("images", "perhaps", ""),
        DialectChange("no_such_flag", True, ""),
    ],
)
def test_what_may_not_be_learned_is_refused(change: DialectChange) -> None:
    with pytest.raises(ValueError):
        ChatDialect().changed(change)


def test_what_a_user_leaves_out_by_himself_stays_so_when_more_is_learned() -> None:
    learned = ChatDialect(drop=("tools",)).changed(DialectChange("drop", ["tools", "seed"], "seed was refused"))
    assert learned.drop == ("tools", "seed")


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
