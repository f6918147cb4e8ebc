"""Decodes content encodings piece by piece: request bodies before they are parsed, responses while they stream.

| Content-Encoding          | codec                                                      |
|---------------------------|------------------------------------------------------------|
| gzip, x-gzip              | zlib, several members in a row, a bare zlib stream as well |
| deflate                   | zlib, or raw deflate: servers send both under this name    |
| br                        | brotli                                                     |
| zstd                      | zstandard, several frames in a row                         |
| identity, none at all     | nothing                                                    |

Several encodings are decoded last first. A few hundred bytes can expand to gigabytes, so each codec yields output in
pieces of bounded size, which are counted as they come. Input is fed in slices, since the libraries copy all unused
input with each piece of output and each member, which would be quadratic for a body of many.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Literal

import brotli  # type: ignore[import-untyped]  # it brings no types
import zstandard

_PIECE_BYTES = 1 << 16  # of output at a time
_LARGEST_PIECE = 1 << 23  # bytes; of codecs whose library does not limit its output
_SLICE_BYTES = 1 << 12  # of input at a time
_MAX_ENCODINGS = 4  # nobody sends more than two; each one multiplies the work that a small body can cause
_MAX_MEMBERS = 100_000  # gzip members or zstd frames in a body: some servers flush so, but an empty one is 20 bytes


class Undecodable(Exception):
    """A body that cannot be decoded.

    `status` is the HTTP status for it: 400 corrupt, 413 larger than the limit, 415 an unknown encoding.
    """

    def __init__(self, status: Literal[400, 413, 415], message: str) -> None:
        super().__init__(message)
        self.status = status


class _Codec(ABC):
    """Decodes one encoding; `error` is what its library raises on invalid data."""

    error: type[Exception]
    slice = _SLICE_BYTES
    """Bytes of input that `feed` is given at a time."""

    @abstractmethod
    def feed(self, data: bytes) -> Iterator[bytes]:
        """All output that these bytes allow, so that a flushed event is decoded at once."""

    @abstractmethod
    def ended(self) -> bool:
        """Whether the data fed so far is complete; called only once some was fed."""


class Decoder:
    """Decodes a body incrementally by its Content-Encoding header. `limit` is in decoded bytes, for the whole body.

    Raises:
        Undecodable: from the constructor 415, from `feed` 400 and 413, from `close` 400.
    """

    def __init__(self, content_encoding: str, *, limit: int) -> None:
        names = _names(content_encoding)
        self._codecs = [_codec(name) for name in reversed(names)]
        self._limit = limit
        self._sizes = [-1] * len(names)  # decoded bytes by codec; -1 before any input
        self._label = ", ".join(names)

    def feed(self, data: bytes) -> bytes:
        return b"".join(self.pieces(data))

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """As `feed`, piece by piece."""
        return self._decode_from(0, data) if data else iter(())

    def close(self) -> None:
        """Raises if the body is incomplete. A streamed response need not be closed: its events mark its end."""
        if any(size >= 0 and not codec.ended() for codec, size in zip(self._codecs, self._sizes, strict=True)):
            raise Undecodable(400, f"the body ends before its {self._label} data does")

    def _decode_from(self, stage: int, data: bytes) -> Iterator[bytes]:
        if stage == len(self._codecs):
            yield data
            return
        codec = self._codecs[stage]
        self._sizes[stage] = max(0, self._sizes[stage])
        try:
            for start in range(0, len(data), codec.slice):
                for piece in codec.feed(data[start : start + codec.slice]):
                    self._count(stage, piece)
                    yield from self._decode_from(stage + 1, piece)
        except codec.error as error:
            raise Undecodable(400, f"the body is not valid {self._label}: {error}") from error

    def _count(self, stage: int, piece: bytes) -> None:
        self._sizes[stage] += len(piece)
        if self._sizes[stage] > self._limit:
            raise Undecodable(413, f"the body is larger than {self._limit} bytes when decoded")


def decode(body: bytes, content_encoding: str, *, limit: int) -> bytes:
    """A whole body decoded; `limit` is in decoded bytes, and holds for a body without encoding as well.

    Raises:
        Undecodable: 400, 413 or 415.
    """
    decoder = Decoder(content_encoding, limit=limit)
    decoded = decoder.feed(body)
    decoder.close()
    if len(decoded) > limit:
        raise Undecodable(413, f"the body is larger than {limit} bytes")
    return decoded


def beginning(body: bytes, content_encoding: str, *, limit: int) -> bytes:
    """The first `limit` bytes of a body, decoded as far as possible; enough to read an error's message."""
    decoded = bytearray()
    try:
        for piece in Decoder(content_encoding, limit=limit + _LARGEST_PIECE).pieces(body[:limit]):
            decoded += piece
            if len(decoded) >= limit:
                break
    except Undecodable as error:
        if error.status == 415:
            return body[:limit]
    return bytes(decoded[:limit])


def is_encoded(content_encoding: str) -> bool:
    """Whether the header names any encoding but `identity`."""
    return bool(_names(content_encoding))


def _names(content_encoding: str) -> list[str]:
    names = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(names) > _MAX_ENCODINGS:
        raise Undecodable(415, f"more than {_MAX_ENCODINGS} content encodings at once")
    return names


def _codec(name: str) -> _Codec:
    if name not in _CODECS:
        raise Undecodable(415, f"unknown content encoding {name!r}; known are {', '.join(_CODECS)}")
    return _CODECS[name]()


class _MemberLimit:
    """Counts the gzip members or zstd frames of a body."""

    def __init__(self) -> None:
        self._left = _MAX_MEMBERS

    def count(self) -> None:
        self._left -= 1
        if self._left <= 0:
            raise Undecodable(400, f"the body has more than {_MAX_MEMBERS} compressed members")


class _Gzip(_Codec):
    error = zlib.error
    _WBITS = 47  # zlib.MAX_WBITS + 32: gzip or zlib, by the header

    def __init__(self) -> None:
        self._member = zlib.decompressobj(self._WBITS)
        self._members = _MemberLimit()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                # Zeros may follow a member as padding; anything else is another member.
                if not (data := data.lstrip(b"\0")):
                    return
                self._members.count()
                self._member = zlib.decompressobj(self._WBITS)
            yield from _inflate(self._member, data)
            data = self._member.unused_data

    def ended(self) -> bool:
        return self._member.eof


class _Deflate(_Codec):
    error = zlib.error

    def __init__(self) -> None:
        self._stream: zlib._Decompress | None = None
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._head = self._head, b""
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(data) else -zlib.MAX_WBITS)
        if not self._stream.eof:
            yield from _inflate(self._stream, data)

    def ended(self) -> bool:
        return self._stream is not None and self._stream.eof


def _has_zlib_header(data: bytes) -> bool:
    """Whether RFC 1950's two bytes come first. As raw deflate they would be a stored block with non-zero padding."""
    return data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0


def _inflate(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while True:
        piece = stream.decompress(data, _PIECE_BYTES)
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof or (not data and len(piece) < _PIECE_BYTES):
            return


class _Brotli(_Codec):
    error = brotli.error

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        piece = self._stream.process(data, output_buffer_limit=_PIECE_BYTES)
        # can_accept_more_data may be true while there is output left.
        while piece or not self._stream.can_accept_more_data():
            yield piece
            piece = self._stream.process(b"", output_buffer_limit=_PIECE_BYTES)

    def ended(self) -> bool:
        return bool(self._stream.is_finished())


class _Zstd(_Codec):
    error = zstandard.ZstdError
    # The library cannot limit its output. A block of 4 bytes can expand to 128 KiB, so this many bytes of input give
    # 8 MiB of output at most.
    slice = 256
    _WINDOW_BYTES = 1 << 23  # memory that a frame may demand: RFC 9659

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=self._WINDOW_BYTES)
        self._frame = self._decompressor.decompressobj()
        self._members = _MemberLimit()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame.eof:
                self._members.count()
                self._frame = self._decompressor.decompressobj()
            if piece := self._frame.decompress(data):
                yield piece
            data = self._frame.unused_data

    def ended(self) -> bool:
        return self._frame.eof


_CODECS: dict[str, type[_Codec]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
