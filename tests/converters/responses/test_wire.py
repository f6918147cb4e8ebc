"""What a Responses client sends, read."""

import pytest

from converters.errors import RequestError
from converters.responses import wire


def test_a_kind_newer_than_us_is_kept() -> None:
    request = wire.read(
        {"model": "m", "input": [{"type": "hologram", "depth": 3}], "tools": [{"type": "laser", "w": 5}]}
    )
    (item,) = request.input
    assert isinstance(item, wire.UnknownItem)
    assert item.model_extra == {"depth": 3}
    assert isinstance(request.tools and request.tools[0], wire.HostedTool)


def test_nulls_are_absent() -> None:
    request = wire.read({"model": "m", "input": [], "tools": None, "reasoning": None, "stream": None, "text": None})
    assert (request.tools, request.reasoning, request.stream) == (None, None, False)


def test_the_body_is_kept_as_it_came() -> None:
    raw = {"model": "m", "input": "hi", "client_metadata": {"a": "b"}}
    assert wire.read(raw).raw == raw


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": []}, "model"),
        ({"model": "m", "input": [{"type": "function_call", "call_id": "c", "name": "n", "arguments": {}}]}, "input[0].arguments"),
        ({"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]}, "input[0].content[0].text"),
        ({"model": "m", "input": [{"role": "wizard", "content": "x"}]}, "input[0].role"),
        ({"model": "m", "input": [], "tools": [{"type": "function"}]}, "tools[0].name"),
        ({"model": "m", "instructions": "Be brief."}, "input"),
        ({"model": "m", "input": {"role": "user", "content": "x"}}, "input"),
        ({"model": "m", "input": [], "text": {"format": {"schema": 3}}}, "text.format.schema"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_its_place(body: dict[str, object], param: str) -> None:
    with pytest.raises(RequestError) as caught:
        wire.read(body)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"(\xb5/\xfd"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        wire.parse(body)


def test_half_an_emoji_is_replaced() -> None:
    (item,) = wire.parse(rb'{"model":"m","input":[{"role":"user","content":"a\ud83dz"}]}').input
    assert isinstance(item, wire.MessageItem)
    assert item.content == "a\ufffdz"


@pytest.mark.parametrize("kind", [["x"], {}, 7, None, True])
def test_a_kind_that_is_no_word_has_a_place(kind: object) -> None:
    for body, param in (
        ({"input": [{"type": kind}]}, "input[0].type"),
        ({"input": [{"role": "user", "content": [{"type": kind}]}]}, "input[0].content[0].type"),
        ({"input": [], "tools": [{"type": kind}]}, "tools[0].type"),
    ):
        with pytest.raises(RequestError) as caught:
            wire.read({"model": "m", **body})
        assert caught.value.param == param


@pytest.mark.parametrize("deep", ["[" * 5000 + "]" * 5000, '{"a":' * 260 + "{}" + "}" * 260])
def test_what_is_nested_too_deep_has_a_place(deep: str) -> None:
    for half in ("", "\\ud83d"):
        with pytest.raises(RequestError) as caught:
            wire.load(b'{"model": "m%b", "metadata": {"x": [1, %b]}}' % (half.encode(), deep.encode()))
        assert str(caught.value.param).startswith("metadata.x[1]")


@pytest.mark.parametrize("number", ["1e40", "-1", str(2**63), '"nan"'])
def test_a_limit_is_a_number_that_upstreams_can_read(number: str) -> None:
    with pytest.raises(RequestError) as caught:
        wire.parse(b'{"model": "m", "input": [], "max_output_tokens": %b}' % number.encode())
    assert caught.value.param == "max_output_tokens"
    with pytest.raises(RequestError) as caught:
        wire.parse(b'{"model": "m", "input": [], "temperature": "nan"}')
    assert caught.value.param == "temperature"


def test_the_first_thing_that_does_not_fit_is_enough() -> None:
    with pytest.raises(RequestError) as caught:
        wire.read({"model": "m", "input": [{"type": "function_call"}] * 100_000})
    assert str(caught.value.param).startswith("input[0].")
