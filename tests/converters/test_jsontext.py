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


@pytest.mark.parametrize(
    ("escaped", "value"),
    [
        (rb"\\ud83d", "\\ud83d"),
        (rb"\\\ud83d", "\\\ufffd"),
        (rb"\\\\\ud83d", "\\\\\ufffd"),
        (rb"\\\\ud83d", "\\\\ud83d"),
        (rb"\ud83d\n\ude00", "\ufffd\n\ufffd"),
        (rb"\uD83D\uDE00\uD83D", "😀\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd😀"),
    ],
)
def test_halves_are_told_from_what_only_looks_like_them(escaped: bytes, value: str) -> None:
    assert jsontext.loads(b'["%b", "\\ud83d"]' % escaped) == [value, "\ufffd"]


def test_a_text_may_hold_halves_itself() -> None:
    assert jsontext.loads('["\ud83d"]') == ["\ufffd" * 3]


@pytest.mark.parametrize("half", [b"", rb'"\ud83d",'])
@pytest.mark.parametrize("number", [b"1" * 41, b"-1" + b"0" * 41, b"18446744073709551616"])
def test_what_is_larger_than_64_bits_is_a_float(number: bytes, half: bytes) -> None:
    value = jsontext.loads(b"[%b%b]" % (half, number))
    assert isinstance(value[-1], float)
    assert jsontext.loads(jsontext.dumps(value)) == value


@pytest.mark.parametrize("half", [b"", rb'"\ud83d",'])
@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" * 5000])
def test_what_is_no_number_of_json_is_refused(number: bytes, half: bytes) -> None:
    with pytest.raises(ValueError):
        jsontext.loads(b"[%b%b]" % (half, number))


def test_of_equal_keys_the_last_counts() -> None:
    assert jsontext.loads(rb'{"a": 1, "a": 2, "b": "\ud83d"}')["a"] == 2


# --- depth ---

NESTS = {"lists": (b"[", b"[]", b"]"), "objects": (b'{"a":', b"{}", b"}"), "both": (b'[{"":', b"[]", b"}]")}


def nested(nest: str, levels: int) -> bytes:
    before, inner, after = NESTS[nest]
    pairs = (levels - 1) // before.count(b"[" if nest == "lists" else b"{") // (2 if nest == "both" else 1)
    return before * pairs + inner + after * pairs


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("padding", [0, 5000])
def test_what_can_be_read_can_be_written_within_something_else(nest: str, padding: int) -> None:
    value = jsontext.loads(nested(nest, jsontext.MOST_LEVELS) + b" " * padding)
    for _ in range(100):
        value = [value]
    assert jsontext.dumps(value)


@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.parametrize("padding", [0, 5000])
@pytest.mark.parametrize("levels", [jsontext.MOST_LEVELS + 2, 255, 1023, 1030, 100_000])
@pytest.mark.parametrize("half", [False, True])
def test_what_is_nested_deeper_is_refused_with_its_place(nest: str, padding: int, levels: int, half: bool) -> None:
    inner = nested(nest, levels)
    text = rb'{"x": ["]}", 1, {"quote\"d": %b}]%b%b}' % (inner, rb', "y": "\ud83d"' if half else b"", b" " * padding)
    with pytest.raises(jsontext.TooDeep) as caught:
        jsontext.loads(text)
    assert caught.value.place.startswith(r"x[2].quote\"d")
    assert len(caught.value.place) < 100
    with pytest.raises(jsontext.TooDeep):
        jsontext.loads(text.decode())


def test_width_is_not_depth() -> None:
    wide = b"[" + b",".join([b'{"a": [[]]}'] * 10_000) + b"]"
    assert len(jsontext.loads(wide)) == 10_000


def test_where_it_is_too_deep_is_not_looked_for_for_ever() -> None:
    with pytest.raises(jsontext.TooDeep) as caught:
        jsontext.loads(b"[" + b"[]," * 1_000_000 + nested("lists", 200) + b"]")
    assert caught.value.place == ""
