"""Faults of the connection and of HTTP: where it breaks, statuses, heads, chunks, content encodings."""

import asyncio
import gzip
import zlib
from functools import cache

from tests.faults.fault import FAULTS, MANY, PAGE, begin, fault, good, half
from tests.faults.upstream import JSON, SSE, Line

# --- connections that break, or say nothing more ---


async def _broken_off(line: Line, how: str) -> None:
    if how == "reset":
        await asyncio.sleep(0.05)  # else the reset overtakes what was said
        line.reset()
    elif how == "silence":
        await line.silence()


async def _at(line: Line, place: str) -> None:
    if place == "before-head":
        return
    if place == "mid-head":
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
        return
    await line.head()
    if place == "before-body":
        return
    await line.chunks(*half(line.speech))
    match place:
        case "mid-record":
            await line.chunks(line.speech.pieces[-1][:15])
        case "mid-chunk":
            await line.send(b"ffff\r\ndata: {")
        case "mid-call":
            await line.chunks(line.speech.call)
        case "before-end":
            await line.chunks(*line.speech.pieces[len(half(line.speech)) :])
        case "after-end":
            await line.chunks(*line.speech.pieces[len(half(line.speech)) :], line.speech.last)


def _broken_connection(place: str, how: str) -> None:
    async def play(line: Line) -> None:
        await _at(line, place)
        await _broken_off(line, how)

    FAULTS[f"{how}-{place}"] = play


_PLACES = (
    "before-head",
    "mid-head",
    "before-body",
    "mid-body",
    "mid-record",
    "mid-chunk",
    "mid-call",
    "before-end",
    "after-end",
)
for _place in _PLACES:
    for _how in ("reset", "close", "silence"):
        _broken_connection(_place, _how)


@fault
async def drip(line: Line) -> None:
    await line.head()
    for byte in line.speech.whole[:200]:
        await line.chunks(bytes([byte]))
        await asyncio.sleep(0.001)
    await line.chunks(line.speech.whole[200:])
    await line.end()


# --- statuses ---


def _status(status: str, body: bytes = b'{"error":{"message":"no"}}', name: str = "", **headers: str | None) -> None:
    async def play(line: Line) -> None:
        await line.refuse(status, body, **headers)

    FAULTS[f"status-{name or status.split()[0]}"] = play


for _said in (
    "300 Many",
    "400 Bad",
    "401 No",
    "402 Pay",
    "403 No",
    "404 Gone",
    "405 No",
    "407 Proxy",
    "408 Late",
    "409 No",
):
    _status(_said)
for _said in (
    "413 Large",
    "418 Tea",
    "422 No",
    "451 Law",
    "500 Oops",
    "501 No",
    "504 Late",
    "529 Busy",
    "599 Odd",
    "999 Odd",
):
    _status(_said)
_status("301 Moved", location="http://127.0.0.1:1/", www_authenticate="Basic")
_status("307 Moved", location="/v1/chat/completions")
_status("502 Bad", PAGE, content_type="text/html")
_status("503 Busy", b"no healthy upstream", content_type="text/plain")
_status("429 Slow", retry_after="7")
_status("429 Slow", name="429-for-ever", retry_after="9" * 400)
_status("429 Slow", name="429-date", retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
_status("429 Slow", b'{"error":{"message":"try again in 1.2.3"}}', name="429-words")
_status("500 Oops", b"", name="500-empty")
_status("400 Bad", b'{"error":' * 900 + b"1" + b"}" * 900, name="400-deep")
_status("400 Bad", b'{"error":{"code":' + b"9" * 5000 + b"}}", name="400-digits")
_status("500 Oops", b"<style " * (MANY // 14), name="500-endless-tag", content_type="text/html")
_status("500 Oops", b"x" * (8 * MANY), name="500-huge")


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(64 * MANY), 1)


@fault
async def status_400_bomb(line: Line) -> None:
    await line.refuse("400 Bad", bomb(), content_encoding="gzip")


@fault
async def no_content(line: Line) -> None:
    await line.send(b"HTTP/1.1 204 No Content\r\n\r\n")


@fault
async def not_modified(line: Line) -> None:
    await line.send(b"HTTP/1.1 304 Not Modified\r\n\r\n")


@fault
async def partial_content(line: Line) -> None:
    await line.answer(line.speech.whole, status="206 Partial Content")


@fault
async def continue_first(line: Line) -> None:
    await line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await good(line)


@fault
async def many_hints_first(line: Line) -> None:
    await line.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 50)
    await good(line)


@fault
async def switching_protocols(line: Line) -> None:
    await line.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
    await line.silence()


# --- heads ---


@fault
async def no_http(line: Line) -> None:
    await line.send(b"SSH-2.0-OpenSSH_9.7\r\n")


@fault
async def a_status_of_letters(line: Line) -> None:
    await line.send(b"HTTP/1.1 abc OK\r\n\r\n")


@fault
async def an_endless_head_line(line: Line) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\nx-a: ")
    for _ in range(16):
        await line.send(b"x" * MANY)
    await line.silence()


@fault
async def ten_thousand_headers(line: Line) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 10_000)
    await line.send(b"content-length: 2\r\n\r\n{}")


@fault
async def http_10(line: Line) -> None:
    await line.send(f"HTTP/1.0 200 OK\r\ncontent-type: {line.kind}\r\n\r\n".encode(), line.speech.whole)


@fault
async def until_the_connection_closes(line: Line) -> None:
    await line.head(transfer_encoding=None, connection="close")
    await line.send(line.speech.whole)


@fault
async def length_too_short(line: Line) -> None:
    await line.head(content_length=str(len(line.speech.whole) // 2))
    await line.send(line.speech.whole)


@fault
async def length_too_long(line: Line) -> None:
    await line.head(content_length=str(len(line.speech.whole) + 10))
    await line.send(line.speech.whole)


@fault
async def length_of_minus_one(line: Line) -> None:
    await line.head(content_length="-1")
    await line.send(line.speech.whole)


@fault
async def length_of_400_digits(line: Line) -> None:
    await line.head(content_length="9" * 400)
    await line.send(line.speech.whole)


@fault
async def length_and_chunks(line: Line) -> None:
    await line.head(content_length="5", transfer_encoding="chunked")
    await line.rest()


@fault
async def wrong_type(line: Line) -> None:
    await line.answer(line.speech.whole, content_type=JSON if line.speech.is_stream else SSE)


@fault
async def no_type(line: Line) -> None:
    await line.answer(line.speech.whole, content_type=None)


# --- chunks ---


@fault
async def chunk_size_of_letters(line: Line) -> None:
    await begin(line)
    await line.send(b"zz\r\ndata\r\n")


@fault
async def chunk_size_without_end(line: Line) -> None:
    await begin(line)
    await line.send(b"1" * MANY)
    await line.silence()


@fault
async def chunk_extensions(line: Line) -> None:
    await line.head()
    for piece in [*line.speech.pieces, line.speech.last]:
        await line.send(b"%x;a=b\r\n%b\r\n" % (len(piece), piece))
    await line.end()


@fault
async def trailers(line: Line) -> None:
    await line.head(trailer="x-checksum")
    await line.chunks(*line.speech.pieces, line.speech.last)
    await line.send(b"0\r\nx-checksum: 7\r\n\r\n")


@fault
async def a_second_answer_unasked(line: Line) -> None:
    await good(line)
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


# --- content encodings ---


@fault
async def gzip_unasked(line: Line) -> None:
    await line.answer(gzip.compress(line.speech.whole), content_encoding="gzip")


@fault
async def gzip_cut(line: Line) -> None:
    await line.answer(gzip.compress(line.speech.whole)[:-20], content_encoding="gzip")


@fault
async def gzip_that_is_none(line: Line) -> None:
    await line.answer(line.speech.whole, content_encoding="gzip")


@fault
async def gzip_unannounced(line: Line) -> None:
    await line.answer(gzip.compress(line.speech.whole))


@fault
async def gzip_of_nothing_but_zeros(line: Line) -> None:
    await line.answer(bomb(), content_encoding="gzip")


@fault
async def unknown_encoding(line: Line) -> None:
    await line.answer(line.speech.whole, content_encoding="rot13")


@fault
async def five_encodings(line: Line) -> None:
    await line.answer(zlib.compress(line.speech.whole), content_encoding="deflate, gzip, br, zstd, deflate")
