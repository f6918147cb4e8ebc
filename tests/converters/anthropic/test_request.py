"""A Responses request as an Anthropic request."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import jsontext
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.request import headers
from converters.errors import RequestError
from converters.jsontext import Json
from tests.converters.anthropic.rules import complaints, follows_the_types
from tests.converters.anthropic.sample_requests import body, convert_items, image, reasoning, signed, text
from tests.converters.sample_items import FUNCTION, assistant, call, developer, output, user

SCHEMA = {"type": "object", "properties": {"title": {"type": "string"}}}
FORMAT = {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}
SEARCH = {"type": "web_search", "external_web_access": False}


def test_the_smallest_request_says_nothing_that_was_not_asked() -> None:
    assert body(user("hi")) == {
        "model": "claude",
        "max_tokens": 32000,
        "stream": True,
        "messages": [{"role": "user", "content": [text("hi")]}],
    }


def test_all_instructions_reach_the_model_in_order() -> None:
    sent = body(developer("base"), developer(" "), developer("skills"), user(), instructions="first")
    assert sent["system"] == [text("first"), text("base"), text("skills")]


def test_a_stored_response_cannot_be_referred_to() -> None:
    with pytest.raises(RequestError) as refused:
        body(previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"


@pytest.mark.parametrize(
    ("asked", "dialect", "sent"),
    [(None, {}, 32000), (None, {"max_tokens": 8192}, 8192), (None, {"max_tokens": None}, 32000), (500, {}, 500)],
)
def test_there_is_always_a_limit_and_the_clients_own_counts(asked: int | None, dialect: Any, sent: int) -> None:
    assert body(max_output_tokens=asked, dialect=AnthropicDialect(**dialect))["max_tokens"] == sent


def test_tools_are_offered_with_their_schemas() -> None:
    strict = {**FUNCTION, "name": "g", "description": "does g", "strict": True}
    sent = body(tools=[FUNCTION, strict], dialect=AnthropicDialect(strict_tools=True, cache=False))
    assert sent["tools"] == [
        {"name": "f", "input_schema": FUNCTION["parameters"]},
        {"name": "g", "description": "does g", "input_schema": FUNCTION["parameters"], "strict": True},
    ]
    assert "strict" not in body(tools=[strict])["tools"][0]


def test_web_search_is_offered_as_the_provider_spells_it_or_listed() -> None:
    native = {"type": "web_search_20250305", "name": "web_search"}
    searches = AnthropicDialect(web_search="native", web_search_tool=native, cache=False)
    sent, losses = convert_items(tools=[SEARCH], dialect=searches)
    assert (sent["tools"], losses) == ([native], [])
    sent, losses = convert_items(tools=[SEARCH, FUNCTION])
    assert [tool["name"] for tool in sent["tools"]] == ["f"]
    assert [(loss.path, loss.what) for loss in losses] == [("tools[0]", "web_search")]


def test_other_hosted_tools_are_listed() -> None:
    sent, losses = convert_items(tools=[{"type": "code_interpreter", "container": "auto"}])
    assert "tools" not in sent
    assert [loss.path for loss in losses] == ["tools[0]"]


def test_structured_output_is_a_field_or_words() -> None:
    sent = body(text=FORMAT, dialect=AnthropicDialect(output_format=True))
    assert sent["output_config"] == {
        "format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
    }
    assert "system" not in sent
    result = body(developer("base"), user(), text=FORMAT)
    assert "output_config" not in result
    assert [block["text"][:4] for block in result["system"]] == ["base", "Your"]
    assert '"title"' in result["system"][1]["text"]


def test_any_json_is_asked_for_in_words() -> None:
    result = body(text={"format": {"type": "json_object"}}, dialect=AnthropicDialect(output_format=True))
    assert "JSON object" in result["system"][0]["text"]
    assert "system" not in body(text={"format": {"type": "text"}, "verbosity": "low"})


def test_one_of_the_sampling_settings_is_sent_within_its_range() -> None:
    sent, losses = convert_items(temperature=1.5, top_p=0.5)
    assert (sent["temperature"], "top_p" in sent) == (1.0, False)
    assert [loss.path for loss in losses] == ["top_p"]
    assert body(temperature=0)["temperature"] == 0


@pytest.mark.parametrize("dialect", [AnthropicDialect(thinking="adaptive"), AnthropicDialect(sampling=False)])
def test_sampling_settings_that_would_be_refused_are_listed(dialect: AnthropicDialect) -> None:
    sent, losses = convert_items(temperature=0.5, top_p=0.5, reasoning={"summary": "auto"}, dialect=dialect)
    assert not {"temperature", "top_p"} & set(sent)
    assert [loss.path for loss in losses] == ["temperature", "top_p"]


def test_every_request_names_the_version_and_a_beta_only_where_it_is_known() -> None:
    assert headers(AnthropicDialect()) == {"anthropic-version": "2023-06-01"}
    assert headers(AnthropicDialect(interleaved_beta=True))["anthropic-beta"] == "interleaved-thinking-2025-05-14"


# --- Anthropic's own types are the referee ---


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "data" / "codex").glob("*.json")), ids=lambda path: path.stem
)
@pytest.mark.parametrize("thinking", ["budget", "adaptive"])
def test_what_codex_sends_becomes_what_anthropic_takes(path: Path, thinking: Any) -> None:
    result = jsontext.loads(path.read_bytes())
    sent = body(*result.pop("input"), dialect=AnthropicDialect(thinking=thinking), **result)
    follows_the_types(sent)
    assert complaints(sent) == []


def test_an_image_that_a_tool_shows_is_seen() -> None:
    asked = jsontext.loads((Path(__file__).parents[2] / "data" / "codex" / "image-output.json").read_bytes())
    (result,) = body(*asked.pop("input"), **asked)["messages"][-1]["content"]
    assert [(block["type"], block["source"]["media_type"]) for block in result["content"]] == [("image", "image/png")]


STEP = [
    signed("why"),
    assistant("note"),
    call("a"),
    call("b"),
    output("a", [{"type": "input_text", "text": "x"}, image()]),
]
CONVERSATIONS = st.sampled_from(
    [
        [user("hi")],
        [developer("base"), user("hi", image()), *STEP],
        [developer("base"), user("hi"), *STEP, developer("rule"), user("more"), assistant("done")],
        [assistant("hello"), call("c"), output("d"), reasoning("gAAAA", "x")],
    ]
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.sampled_from([[FUNCTION], [FUNCTION, SEARCH], [{"type": "custom", "name": "patch"}], []]),
        "tool_choice": st.sampled_from(["auto", "required", "none", {"type": "mcp"}]),
        "parallel_tool_calls": st.booleans(),
        "reasoning": st.builds(
            lambda effort, summary: {"effort": effort, "summary": summary},
            st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra", "?"]),
            st.sampled_from([None, "auto", "none"]),
        ),
        "text": st.sampled_from([FORMAT, {"format": {"type": "json_object"}}, {"verbosity": "low"}]),
        "max_output_tokens": st.integers(1, 100_000),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "prompt_cache_key": st.just("key"),
        "instructions": st.sampled_from(["", "base"]),
    },
)
ANTHROPICS = st.builds(
    AnthropicDialect,
    thinking=st.sampled_from(["none", "budget", "adaptive"]),
    efforts=st.sampled_from([(), ("low", "medium", "high"), ("low", "max")]),
    thinking_off=st.booleans(),
    thinking_display=st.booleans(),
    forced_tool_choice=st.sampled_from(["full", "without_thinking", "never"]),
    cache=st.booleans(),
    strict_tools=st.booleans(),
    output_format=st.booleans(),
    sampling=st.booleans(),
)


@given(items=CONVERSATIONS, fields=FIELDS, dialect=ANTHROPICS)
def test_every_request_is_one_that_anthropic_takes(items: list[Json], fields: Json, dialect: AnthropicDialect) -> None:
    sent = body(*items, dialect=dialect, **fields)
    follows_the_types(sent)
    assert complaints(sent) == []
    thinking = sent.get("thinking", {"type": "disabled"})
    assert thinking["type"] != "enabled" or 1024 <= thinking["budget_tokens"] < max(sent["max_tokens"], 1025)
    assert thinking["type"] == "disabled" or not {"temperature", "top_p"} & set(sent)


def test_what_claude_is_not_asked_for_is_a_loss() -> None:
    _, losses = convert_items(service_tier="priority")
    assert [loss.path for loss in losses] == ["service_tier"]
