"""Faults of the connection and of HTTP: where it breaks, statuses, heads, chunks, content encodings."""

import asyncio
import gzip
import zlib
from functools import cache

from tests.faults.faulty_upstream import JSON, SSE, Connection
from tests.faults.registry import FAULTS, MANY, PAGE, begin, fault, good, half

# --- connections that break, or send nothing more ---


async def _break_off(connection: Connection, how: str) -> None:
    if how == "reset":
        await asyncio.sleep(0.05)  # else the reset overtakes what was sent
        connection.reset()
    elif how == "silence":
        await connection.silence()


async def _send_up_to(connection: Connection, place: str) -> None:
    if place == "before-head":
        return
    if place == "mid-head":
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-ty")
        return
    await connection.head()
    if place == "before-body":
        return
    await connection.chunks(*half(connection.good_response))
    match place:
        case "mid-record":
            await connection.chunks(connection.good_response.pieces[-1][:15])
        case "mid-chunk":
            await connection.send(b"ffff\r\ndata: {")
        case "mid-call":
            await connection.chunks(connection.good_response.call)
        case "before-end":
            await connection.chunks(*connection.good_response.pieces[len(half(connection.good_response)) :])
        case "after-end":
            await connection.chunks(
                *connection.good_response.pieces[len(half(connection.good_response)) :], connection.good_response.last
            )


def _broken_connection(place: str, how: str) -> None:
    async def play(connection: Connection) -> None:
        await _send_up_to(connection, place)
        await _break_off(connection, how)

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
async def drip(connection: Connection) -> None:
    await connection.head()
    for byte in connection.good_response.whole[:200]:
        await connection.chunks(bytes([byte]))
        await asyncio.sleep(0.001)
    await connection.chunks(connection.good_response.whole[200:])
    await connection.end()


# --- statuses ---


def _status(status: str, body: bytes = b'{"error":{"message":"no"}}', name: str = "", **headers: str | None) -> None:
    async def play(connection: Connection) -> None:
        await connection.refuse(status, body, **headers)

    FAULTS[f"status-{name or status.split()[0]}"] = play


for _status_line in (
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
    _status(_status_line)
for _status_line in (
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
    _status(_status_line)
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
async def status_400_bomb(connection: Connection) -> None:
    await connection.refuse("400 Bad", bomb(), content_encoding="gzip")


@fault
async def no_content(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")


@fault
async def not_modified(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 304 Not Modified\r\n\r\n")


@fault
async def partial_content(connection: Connection) -> None:
    await connection.respond(connection.good_response.whole, status="206 Partial Content")


@fault
async def continue_first(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await good(connection)


@fault
async def many_hints_first(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 50)
    await good(connection)


@fault
async def switching_protocols(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n")
    await connection.silence()


# --- heads ---


@fault
async def no_http(connection: Connection) -> None:
    await connection.send(b"SSH-2.0-OpenSSH_9.7\r\n")


@fault
async def a_status_of_letters(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 abc OK\r\n\r\n")


@fault
async def an_endless_head_line(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\nx-a: ")
    for _ in range(16):
        await connection.send(b"x" * MANY)
    await connection.silence()


@fault
async def ten_thousand_headers(connection: Connection) -> None:
    await connection.send(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 10_000)
    await connection.send(b"content-length: 2\r\n\r\n{}")


@fault
async def http_10(connection: Connection) -> None:
    await connection.send(
        f"HTTP/1.0 200 OK\r\ncontent-type: {connection.kind}\r\n\r\n".encode(), connection.good_response.whole
    )


@fault
async def until_the_connection_closes(connection: Connection) -> None:
    await connection.head(transfer_encoding=None, connection="close")
    await connection.send(connection.good_response.whole)


@fault
async def length_too_short(connection: Connection) -> None:
    await connection.head(content_length=str(len(connection.good_response.whole) // 2))
    await connection.send(connection.good_response.whole)


@fault
async def length_too_long(connection: Connection) -> None:
    await connection.head(content_length=str(len(connection.good_response.whole) + 10))
    await connection.send(connection.good_response.whole)


@fault
async def length_of_minus_one(connection: Connection) -> None:
    await connection.head(content_length="-1")
    await connection.send(connection.good_response.whole)


@fault
async def length_of_400_digits(connection: Connection) -> None:
    await connection.head(content_length="9" * 400)
    await connection.send(connection.good_response.whole)


@fault
async def length_and_chunks(connection: Connection) -> None:
    await connection.head(content_length="5", transfer_encoding="chunked")
    await connection.rest()


@fault
async def wrong_type(connection: Connection) -> None:
    await connection.respond(
        connection.good_response.whole, content_type=JSON if connection.good_response.is_stream else SSE
    )


@fault
async def no_type(connection: Connection) -> None:
    await connection.respond(connection.good_response.whole, content_type=None)


# --- chunks ---


@fault
async def chunk_size_of_letters(connection: Connection) -> None:
    await begin(connection)
    await connection.send(b"zz\r\ndata\r\n")


@fault
async def chunk_size_without_end(connection: Connection) -> None:
    await begin(connection)
    await connection.send(b"1" * MANY)
    await connection.silence()


@fault
async def chunk_extensions(connection: Connection) -> None:
    await connection.head()
    for piece in [*connection.good_response.pieces, connection.good_response.last]:
        await connection.send(b"%x;a=b\r\n%b\r\n" % (len(piece), piece))
    await connection.end()


@fault
async def trailers(connection: Connection) -> None:
    await connection.head(trailer="x-checksum")
    await connection.chunks(*connection.good_response.pieces, connection.good_response.last)
    await connection.send(b"0\r\nx-checksum: 7\r\n\r\n")


@fault
async def a_second_answer_unasked(connection: Connection) -> None:
    await good(connection)
    await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")


# --- content encodings ---


@fault
async def gzip_unasked(connection: Connection) -> None:
    await connection.respond(gzip.compress(connection.good_response.whole), content_encoding="gzip")


@fault
async def gzip_cut(connection: Connection) -> None:
    await connection.respond(gzip.compress(connection.good_response.whole)[:-20], content_encoding="gzip")


@fault
async def gzip_that_is_none(connection: Connection) -> None:
    await connection.respond(connection.good_response.whole, content_encoding="gzip")


@fault
async def gzip_unannounced(connection: Connection) -> None:
    await connection.respond(gzip.compress(connection.good_response.whole))


@fault
async def gzip_of_nothing_but_zeros(connection: Connection) -> None:
    await connection.respond(bomb(), content_encoding="gzip")


@fault
async def unknown_encoding(connection: Connection) -> None:
    await connection.respond(connection.good_response.whole, content_encoding="rot13")


@fault
async def five_encodings(connection: Connection) -> None:
    await connection.respond(
        zlib.compress(connection.good_response.whole), content_encoding="deflate, gzip, br, zstd, deflate"
    )
