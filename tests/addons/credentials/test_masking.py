"""Upstreams that repeat the credentials that they got."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.credentials.masking import Mask, StreamMask, values

KEY = "sk-12/34+56=78-abcdefghij"  # pragma: allowlist secret


def encoded() -> list[str]:
    prefixes = ["", "x", "xy", "Bearer ", "user:"]
    forms = [base64.b64encode(f"{prefix}{KEY}{prefix}".encode()).decode() for prefix in prefixes]
    return [*forms, *(form.translate(str.maketrans("+/", "-_")) for form in forms)]


@pytest.mark.parametrize(
    "form",
    [
        *(KEY, KEY.replace("/", "\\/"), quote(KEY, safe=""), quote(KEY, safe="").lower(), quote(quote(KEY, safe=""))),
        *(json.dumps(json.dumps({"key": KEY})), *encoded()),
    ],
)
def test_a_key_is_masked_in_every_encoding(form: str) -> None:
    text = f'{{"error": "got {form} from you"}}'.encode()
    masked = Mask([KEY])(text)
    assert len(masked) == len(text)
    assert b"*" * 20 in masked
    assert masked.startswith(b'{"error": "got ') and masked.endswith(b' from you"}')
    assert KEY.encode() not in masked


def test_a_key_that_the_provider_has_masked_stays() -> None:
    text = b"Incorrect API key provided: sk-12***ghij"
    assert Mask([KEY], is_error=True)(text) is text


@pytest.mark.parametrize(
    ("secret", "in_response", "in_error"),
    [
        ("short", False, False),
        ("lm-studio", False, True),
        ("not-needed", False, True),
        ("sk-no-key-required", False, True),
        ("anything", False, True),
        ("key-12345678", True, True),
        ("abcdefghijklmnopqrstuvwx", True, True),
    ],
)
def test_a_word_that_serves_as_a_key_is_left_in_a_response(secret: str, in_response: bool, in_error: bool) -> None:
    text = f"say {secret}".encode()
    assert (Mask([secret])(text) != text) == in_response
    assert (Mask([secret], is_error=True)(text) != text) == in_error


def test_schemes_are_no_secrets_and_each_cookie_is_one() -> None:
    headers = {"authorization": "Bearer abc", "x-api-key": "k", "cookie": "a=1; b=2"}
    assert list(values(headers.items())) == ["abc", "k", "a=1; b=2", "1", "2"]


TEXT = st.lists(st.sampled_from([KEY, KEY[:5], KEY[:-1], KEY[3:], "s", "x ", "\n", "sk-12/sk-12/34"])).map("".join)


@given(TEXT, st.integers(1, 60))
def test_where_a_stream_is_cut_does_not_matter(text: str, cut: int) -> None:
    data = text.encode()
    mask = StreamMask(Mask([KEY]))
    pieces = [mask.feed(data[start : start + cut]) for start in range(0, len(data), cut)]
    assert b"".join([*pieces, mask.close()]) == Mask([KEY])(data)
    assert mask.found == (KEY in text)
    assert mask.close() == b""


def test_without_secrets_the_same_object_is_returned() -> None:
    mask = StreamMask(Mask([]))
    data = b"data"
    assert mask.feed(data) is data


def test_a_piece_that_ends_with_a_newline_is_not_held() -> None:
    mask, data = StreamMask(Mask([KEY])), f"{KEY[:-1]}\n".encode()
    assert mask.feed(data) is data
