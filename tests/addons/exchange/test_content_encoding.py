import gzip
import itertools
import random
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from addons.exchange import content_encoding
from addons.exchange.content_encoding import Decoder, Undecodable, beginning, decode, is_encoded

LIMIT = 1 << 20
TEXT = b'{"model": "m", "input": "' + random.Random(1).randbytes(9000).hex().encode() + b'"}'


def raw_deflate(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=1),  # the test data is large and repetitive
    "zstd": zstandard.compress,
}
encodings = pytest.mark.parametrize("encoding", ENCODERS)


def refusal(body: bytes, encoding: str, limit: int = LIMIT) -> tuple[int, str]:
    with pytest.raises(Undecodable) as caught:
        decode(body, encoding, limit=limit)
    return caught.value.status, str(caught.value)


@encodings
def test_decodes_a_body(encoding: str) -> None:
    assert decode(ENCODERS[encoding](TEXT), encoding, limit=LIMIT) == TEXT


@pytest.mark.parametrize("encoding", ["", "identity", " Identity , "])
def test_leaves_a_plain_body_alone(encoding: str) -> None:
    assert decode(TEXT, encoding, limit=LIMIT) == TEXT
    assert not is_encoded(encoding)


@encodings
def test_an_empty_body_is_empty_whatever_the_header_says(encoding: str) -> None:
    assert decode(b"", encoding, limit=LIMIT) == b""


def test_decodes_deflate_without_its_header() -> None:
    assert decode(raw_deflate(TEXT), "deflate", limit=LIMIT) == TEXT


def test_decodes_zlib_under_the_name_of_gzip() -> None:
    assert decode(zlib.compress(TEXT), "gzip", limit=LIMIT) == TEXT


def test_decodes_several_encodings_last_first() -> None:
    body = brotli.compress(gzip.compress(zstandard.compress(TEXT)))
    assert decode(body, "zstd, GZIP ,br", limit=LIMIT) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_reads_several_members_in_a_row(encoding: str) -> None:
    encode = ENCODERS[encoding]
    assert decode(encode(TEXT) + encode(b"") + encode(b"more"), encoding, limit=LIMIT) == TEXT + b"more"


def test_ignores_zeros_after_a_gzip_member() -> None:
    assert decode(gzip.compress(TEXT) + bytes(512), "gzip", limit=LIMIT) == TEXT


@pytest.mark.parametrize("encoding", ["rot13", "gzip, lzma", "compress"])
def test_an_unknown_encoding_is_415(encoding: str) -> None:
    status, message = refusal(TEXT, encoding)
    assert status == 415
    assert "known are gzip" in message


def test_too_many_encodings_are_415() -> None:
    assert refusal(TEXT, ", ".join(["gzip"] * 5))[0] == 415


@encodings
def test_a_body_that_is_not_of_its_encoding_is_400(encoding: str) -> None:
    status, message = refusal(b"\xff" + TEXT, encoding)
    assert status == 400
    assert f"not valid {encoding}" in message


@encodings
@pytest.mark.parametrize("kept", [1, 5, 3000])
def test_a_body_that_ends_in_the_middle_is_400(encoding: str, kept: int) -> None:
    status, message = refusal(ENCODERS[encoding](TEXT)[:kept], encoding)
    assert status == 400
    assert "ends before" in message


def test_junk_after_a_gzip_member_is_400() -> None:
    assert refusal(gzip.compress(TEXT) + b"junk", "gzip")[0] == 400


@encodings
def test_a_bomb_is_413(encoding: str) -> None:
    status, message = refusal(ENCODERS[encoding](bytes(50 * LIMIT)), encoding)
    assert status == 413
    assert str(LIMIT) in message


def test_a_bomb_within_a_bomb_is_413() -> None:
    assert refusal(gzip.compress(gzip.compress(bytes(50 * LIMIT))), "gzip, gzip")[0] == 413


def test_the_limit_holds_for_a_plain_body() -> None:
    assert decode(b"1234", "", limit=4) == b"1234"
    assert refusal(b"12345", "", limit=4)[0] == 413


@encodings
def test_a_body_of_just_the_limit_passes(encoding: str) -> None:
    body = ENCODERS[encoding](TEXT)
    assert decode(body, encoding, limit=len(TEXT)) == TEXT
    assert refusal(body, encoding, limit=len(TEXT) - 1)[0] == 413


def flushing(encoding: str) -> Callable[[bytes], bytes]:
    """An encoder that flushes after each event, as servers do."""
    if encoding == "br":
        br = brotli.Compressor()
        return lambda data: br.process(data) + br.flush()
    if encoding == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        return lambda data: zstd.compress(data) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    stream = zlib.compressobj(wbits=15 if encoding == "deflate" else 31)
    return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


@encodings
def test_a_flushed_event_is_decoded_at_once(encoding: str) -> None:
    encode, decoder = flushing(encoding), Decoder(encoding, limit=LIMIT)
    events = [b"data: %d\n\n" % number for number in range(5)]
    assert [decoder.feed(encode(event)) for event in events] == events


@encodings
def test_a_large_chunk_is_decoded_whole(encoding: str) -> None:
    text = TEXT * 20
    assert Decoder(encoding, limit=LIMIT).feed(flushing(encoding)(text)) == text


@given(encoding=st.sampled_from(sorted(ENCODERS)), cuts=st.lists(st.integers(0, 400), max_size=8))
def test_where_the_body_is_cut_does_not_matter(encoding: str, cuts: list[int]) -> None:
    text = TEXT[:300] * 2
    body = ENCODERS[encoding](text)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    decoder = Decoder(encoding, limit=LIMIT)
    pieces = [decoder.feed(body[start:end]) for start, end in itertools.pairwise(places)]
    decoder.close()
    assert b"".join(pieces) == text


@given(encoding=st.sampled_from(sorted(ENCODERS)), body=st.binary(max_size=200))
def test_invalid_bytes_raise_undecodable_only(encoding: str, body: bytes) -> None:
    try:
        assert isinstance(decode(body, encoding, limit=LIMIT), bytes)
    except Undecodable as refused:
        assert refused.status in (400, 413)


# --- work ---


class Counting:
    """A real decompressor whose input is counted, unused input each time anew."""

    def __init__(self, real: Any, count: Callable[[int], None]) -> None:
        self._real, self._count = real, count

    def decompress(self, data: bytes, *limit: int) -> bytes:
        self._count(len(data))
        return bytes(self._real.decompress(data, *limit))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all inputs to the libraries."""
    sizes: list[int] = []
    zlib_object, zstd = zlib.decompressobj, zstandard.ZstdDecompressor

    class Zstd:
        def __init__(self, **settings: Any) -> None:
            self._real = zstd(**settings)

        def decompressobj(self) -> Counting:
            return Counting(self._real.decompressobj(), sizes.append)

    monkeypatch.setattr(zlib, "decompressobj", lambda *wbits: Counting(zlib_object(*wbits), sizes.append))
    monkeypatch.setattr(zstandard, "ZstdDecompressor", Zstd)
    return sizes


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_the_work_for_many_members_grows_with_their_number(encoding: str, work: list[int]) -> None:
    member = ENCODERS[encoding](b"a few words of an answer")

    def needed(count: int) -> int:
        work.clear()
        assert len(decode(member * count, encoding, limit=LIMIT)) == 24 * count
        return sum(work)

    assert needed(8000) <= 4.2 * needed(2000)


def test_the_work_for_much_output_grows_with_the_input(work: list[int]) -> None:
    body = gzip.compress(random.Random(1).randbytes(1 << 22))
    decode(body, "gzip", limit=1 << 23)
    assert sum(work) < 3 * len(body)
    assert max(work) <= content_encoding._SLICE_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_members_without_end_are_refused(encoding: str, work: list[int]) -> None:
    member = ENCODERS[encoding](b"")
    status, message = refusal(member * 300_000, encoding)
    assert status == 400
    assert "more than 100000" in message
    assert len(work) < 250_000


# --- the beginning of a body ---


@encodings
def test_the_beginning_of_a_bomb_is_read_without_the_rest(encoding: str) -> None:
    bomb = ENCODERS[encoding](b"too many tokens " + bytes(50 * LIMIT))
    assert beginning(bomb, encoding, limit=1000) == b"too many tokens " + bytes(984)


@encodings
def test_the_beginning_of_a_cut_body_is_what_was_received(encoding: str) -> None:
    body = ENCODERS[encoding](TEXT)
    assert TEXT.startswith(beginning(body[:-5], encoding, limit=LIMIT))
    assert beginning(body, encoding, limit=LIMIT) == TEXT


def test_the_beginning_of_an_undecodable_body_is_its_bytes() -> None:
    assert beginning(b"plain words", "rot13", limit=5) == b"plain"
    assert beginning(b"plain words", "", limit=5) == b"plain"
    assert beginning(b"no gzip", "gzip", limit=5) == b""
