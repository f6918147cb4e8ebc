"""Faults of what is said: answers without an end, with two, that are none, too much, or odd text."""

import asyncio
import random
from collections.abc import Iterator

from tests.faults.fault import FAULTS, MANY, PAGE, begin, fault, half
from tests.faults.upstream import JSON, Line

# --- answers that end badly, or not where they say ---


@fault
async def half_a_record(line: Line) -> None:
    await line.answer(*half(line.speech), line.speech.last[:20])


@fault
async def no_terminal(line: Line) -> None:
    await line.answer(*line.speech.pieces)


@fault
async def done_without_finish(line: Line) -> None:
    await line.answer(*line.speech.pieces, b"data: [DONE]\n\n")


@fault
async def call_cut_then_done(line: Line) -> None:
    await line.answer(*half(line.speech), line.speech.call, b"data: [DONE]\n\n")


@fault
async def two_terminals(line: Line) -> None:
    await line.answer(*line.speech.pieces, line.speech.last, line.speech.last)


@fault
async def text_after_the_end(line: Line) -> None:
    await line.answer(*line.speech.pieces, line.speech.last, *half(line.speech))


@fault
async def error_first(line: Line) -> None:
    await line.answer(line.speech.error)


@fault
async def error_then_text(line: Line) -> None:
    await line.answer(line.speech.error, *line.speech.pieces, line.speech.last)


@fault
async def error_in_the_middle(line: Line) -> None:
    await line.answer(*half(line.speech), line.speech.error)


@fault
async def the_same_ids_twice(line: Line) -> None:
    await line.answer(*line.speech.pieces, line.speech.call, line.speech.call, line.speech.last)


@fault
async def thousands_of_half_calls(line: Line) -> None:
    await line.answer(*half(line.speech), line.speech.call * 3_000, line.speech.last)


# --- what is no answer ---


@fault
async def garbage(line: Line) -> None:
    await line.answer(random.Random(7).randbytes(4096))


@fault
async def garbage_records(line: Line) -> None:
    await line.answer(b"data: {not json}\n\n" * 50)


@fault
async def page(line: Line) -> None:
    await line.answer(PAGE, content_type="text/html")


@fault
async def nothing(line: Line) -> None:
    await line.answer()


@fault
async def nothing_with_a_length(line: Line) -> None:
    await line.head(content_length="0")


@fault
async def white_space(line: Line) -> None:
    await line.answer(b"\r\n \n" * 20)


@fault
async def json_that_is_something_else(line: Line) -> None:
    await line.answer(b'{"hello": ["world"]}', content_type=JSON)


@fault
async def json_of_another_type(line: Line) -> None:
    await line.answer(b"[null]", content_type=JSON)


# --- too much ---


@fault
async def an_endless_record(line: Line) -> None:
    await line.head()
    await line.chunks(b'data: {"a": "')
    for _ in range(4):
        await line.chunks(b"x" * MANY)
    await line.silence()


@fault
async def endless_records(line: Line) -> None:
    await line.head()
    for _ in range(4):
        await line.chunks(half(line.speech)[-1] * (MANY // len(half(line.speech)[-1])))
    await line.silence()


@fault
async def endless_comments(line: Line) -> None:
    await begin(line)
    for _ in range(120):
        await line.chunks(b": still here\n\n")
        await asyncio.sleep(0.05)


@fault
async def endless_white_lines(line: Line) -> None:
    await begin(line)
    await line.chunks(b"\n" * MANY)
    await line.end()


@fault
async def a_record_for_each_byte(line: Line) -> None:
    await line.head()
    await line.chunks(*(line.speech.whole[at : at + 1] for at in range(len(line.speech.whole))))
    await line.end()


# --- text ---


def _spoken(name: str, change: dict[bytes, bytes], text: str = "odd") -> None:
    """A good answer whose text was exchanged in its bytes."""

    async def play(line: Line) -> None:
        whole = line.saying(text).whole
        for old, new in change.items():
            whole = whole.replace(old, new)
        await line.answer(whole)

    FAULTS[name] = play


_spoken("no-utf-8", {b"odd": b"\xff\xfe\x80odd"})
_spoken("nul", {b"odd": b"\0odd"})
_spoken("half-an-emoji", {b"odd": rb"\ud83d"})
_spoken("escape-sequences", {}, "\x1b[2J\x1b]0;title\x07")
_spoken("an-empty-text", {}, "")
_spoken("nan", {b'"index": 0': b'"index": NaN', b"9": b"NaN"})
_spoken("an-integer-of-5000-digits", {b"9": b"9" * 5000, b'"index": 0': b'"index": ' + b"9" * 5000})
_spoken("900-levels-of-text", {b'"odd"': b"[" * 900 + b"]" * 900})
_spoken("5000-levels-of-text", {b'"odd"': b"[" * 5000 + b"]" * 5000})
_spoken("text-that-is-no-text", {b'"odd"': b'{"a":1}'})
_spoken("fields-of-null", {b'"usage": {': b'"usage": null, "x": {', b'"delta": {': b'"delta": null, "x": {'})


@fault
async def byte_order_mark(line: Line) -> None:
    await line.answer(b"\xef\xbb\xbf" + line.speech.whole)


@fault
async def carriage_returns(line: Line) -> None:
    await line.answer(line.speech.whole.replace(b"\n", b"\r"))


@fault
async def line_ends_cut_in_two(line: Line) -> None:
    await line.head()
    await line.chunks(*_cut(line.speech.whole.replace(b"\n", b"\r\n"), b"\r"))
    await line.end()


def _cut(data: bytes, after: bytes) -> Iterator[bytes]:
    *pieces, last = data.split(after)
    yield from (piece + after for piece in pieces)
    yield last
