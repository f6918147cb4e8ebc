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
