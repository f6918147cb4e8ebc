"""Faults of the response: without an end, with two, none at all, too much, or odd text."""

import asyncio
import random
from collections.abc import Iterator

from tests.faults.faulty_upstream import JSON, Connection
from tests.faults.registry import FAULTS, MANY, PAGE, begin, fault, half

# --- responses that end badly, or not where they say ---


@fault
async def half_a_record(connection: Connection) -> None:
    await connection.respond(*half(connection.good_response), connection.good_response.last[:20])


@fault
async def no_terminal(connection: Connection) -> None:
    await connection.respond(*connection.good_response.pieces)


@fault
async def done_without_finish(connection: Connection) -> None:
    await connection.respond(*connection.good_response.pieces, b"data: [DONE]\n\n")


@fault
async def call_cut_then_done(connection: Connection) -> None:
    await connection.respond(*half(connection.good_response), connection.good_response.call, b"data: [DONE]\n\n")


@fault
async def two_terminals(connection: Connection) -> None:
    await connection.respond(
        *connection.good_response.pieces, connection.good_response.last, connection.good_response.last
    )


@fault
async def text_after_the_end(connection: Connection) -> None:
    await connection.respond(
        *connection.good_response.pieces, connection.good_response.last, *half(connection.good_response)
    )


@fault
async def error_first(connection: Connection) -> None:
    await connection.respond(connection.good_response.error)


@fault
async def error_then_text(connection: Connection) -> None:
    await connection.respond(
        connection.good_response.error, *connection.good_response.pieces, connection.good_response.last
    )


@fault
async def error_in_the_middle(connection: Connection) -> None:
    await connection.respond(*half(connection.good_response), connection.good_response.error)


@fault
async def the_same_ids_twice(connection: Connection) -> None:
    await connection.respond(
        *connection.good_response.pieces,
        connection.good_response.call,
        connection.good_response.call,
        connection.good_response.last,
    )


@fault
async def thousands_of_half_calls(connection: Connection) -> None:
    await connection.respond(
        *half(connection.good_response), connection.good_response.call * 3_000, connection.good_response.last
    )


# --- what is no response ---


@fault
async def garbage(connection: Connection) -> None:
    await connection.respond(random.Random(7).randbytes(4096))


@fault
async def garbage_records(connection: Connection) -> None:
    await connection.respond(b"data: {not json}\n\n" * 50)


@fault
async def page(connection: Connection) -> None:
    await connection.respond(PAGE, content_type="text/html")


@fault
async def nothing(connection: Connection) -> None:
    await connection.respond()


@fault
async def nothing_with_a_length(connection: Connection) -> None:
    await connection.head(content_length="0")


@fault
async def white_space(connection: Connection) -> None:
    await connection.respond(b"\r\n \n" * 20)


@fault
async def json_that_is_something_else(connection: Connection) -> None:
    await connection.respond(b'{"hello": ["world"]}', content_type=JSON)


@fault
async def json_of_another_type(connection: Connection) -> None:
    await connection.respond(b"[null]", content_type=JSON)


# --- too much ---


@fault
async def an_endless_record(connection: Connection) -> None:
    await connection.head()
    await connection.chunks(b'data: {"a": "')
    for _ in range(4):
        await connection.chunks(b"x" * MANY)
    await connection.silence()


@fault
async def endless_records(connection: Connection) -> None:
    await connection.head()
    for _ in range(4):
        await connection.chunks(half(connection.good_response)[-1] * (MANY // len(half(connection.good_response)[-1])))
    await connection.silence()


@fault
async def endless_comments(connection: Connection) -> None:
    await begin(connection)
    for _ in range(120):
        await connection.chunks(b": still here\n\n")
        await asyncio.sleep(0.05)


@fault
async def endless_white_lines(connection: Connection) -> None:
    await begin(connection)
    await connection.chunks(b"\n" * MANY)
    await connection.end()


@fault
async def a_record_for_each_byte(connection: Connection) -> None:
    await connection.head()
    await connection.chunks(
        *(connection.good_response.whole[at : at + 1] for at in range(len(connection.good_response.whole)))
    )
    await connection.end()


# --- text ---


def _odd_text(name: str, change: dict[bytes, bytes], text: str = "odd") -> None:
    """A good response with some of its bytes replaced."""

    async def play(connection: Connection) -> None:
        whole = connection.response_with_text(text).whole
        for old, new in change.items():
            whole = whole.replace(old, new)
        await connection.respond(whole)

    FAULTS[name] = play


_odd_text("no-utf-8", {b"odd": b"\xff\xfe\x80odd"})
_odd_text("nul", {b"odd": b"\0odd"})
_odd_text("half-an-emoji", {b"odd": rb"\ud83d"})
_odd_text("escape-sequences", {}, "\x1b[2J\x1b]0;title\x07")
_odd_text("an-empty-text", {}, "")
_odd_text("nan", {b'"index": 0': b'"index": NaN', b"9": b"NaN"})
_odd_text("an-integer-of-5000-digits", {b"9": b"9" * 5000, b'"index": 0': b'"index": ' + b"9" * 5000})
_odd_text("900-levels-of-text", {b'"odd"': b"[" * 900 + b"]" * 900})
_odd_text("5000-levels-of-text", {b'"odd"': b"[" * 5000 + b"]" * 5000})
_odd_text("text-that-is-no-text", {b'"odd"': b'{"a":1}'})
_odd_text("fields-of-null", {b'"usage": {': b'"usage": null, "x": {', b'"delta": {': b'"delta": null, "x": {'})


@fault
async def byte_order_mark(connection: Connection) -> None:
    await connection.respond(b"\xef\xbb\xbf" + connection.good_response.whole)


@fault
async def carriage_returns(connection: Connection) -> None:
    await connection.respond(connection.good_response.whole.replace(b"\n", b"\r"))


@fault
async def line_ends_cut_in_two(connection: Connection) -> None:
    await connection.head()
    await connection.chunks(*_cut(connection.good_response.whole.replace(b"\n", b"\r\n"), b"\r"))
    await connection.end()


def _cut(data: bytes, after: bytes) -> Iterator[bytes]:
    *pieces, last = data.split(after)
    yield from (piece + after for piece in pieces)
    yield last
