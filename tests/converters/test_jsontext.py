"""JSON as the field writes it."""

import pytest

from converters import jsontext


def test_plain_json_is_read() -> None:
    assert jsontext.loads(b'{"a":[1,2.5,null,"\xc3\xa9"]}') == {"a": [1, 2.5, None, "é"]}


@pytest.mark.parametrize("text", [rb'{"t":"a\ud83d"}', rb'{"t":"a\ude00"}', rb'{"\ud83d":"a"}'])
def test_lone_surrogates_are_replaced_so_that_they_can_be_written_again(text: bytes) -> None:
    value = jsontext.loads(text)
    assert jsontext.loads(jsontext.dumps(value)) == value


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert jsontext.loads(b'{"a": "x\xf0\x9f"}') == {"a": "x\ufffd"}
    assert jsontext.loads(b'"\xed\xa0\xbd"') == "\ufffd" * 3


def test_a_whole_pair_is_kept() -> None:
    assert jsontext.loads(rb'["\ud83d\ude00","\ud83d"]')[0] == "😀"


@pytest.mark.parametrize("text", [b"", b"{", b"nope", b'{"a":\\u}', b"\xff"])
def test_what_is_not_json_is_a_value_error(text: bytes) -> None:
    with pytest.raises(ValueError):
        jsontext.loads(text)
