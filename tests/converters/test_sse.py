import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters import sse
from converters.sse import Message, Parser


def parse(data: bytes, *cuts: int) -> list[Message]:
    parser = Parser()
    borders = [0, *sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(borders)]
    return [message for piece in pieces for message in parser.feed(piece)] + parser.close()


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_lines_end_in_any_of_the_three_ways(newline: bytes) -> None:
    stream = newline.join([b"event: a", b"data: 1", b"", b"data: 2", b"", b""])
    assert parse(stream) == [Message("a", b"1"), Message("", b"2")]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"data: x", Message("", b"x")),
        (b"data:x", Message("", b"x")),
        (b"data:  x", Message("", b" x")),
        (b"data", Message("", b"")),
        (b"data:", Message("", b"")),
        (b"data: a\ndata: b", Message("", b"a\nb")),
        (b"data: a\ndata:\ndata:b", Message("", b"a\n\nb")),
        (b"event: e\ndata: x", Message("e", b"x")),
        (b"data: x\nevent: e", Message("e", b"x")),
        (b"event:e\nid: 7\nretry: 3\n: comment\ndata: x", Message("e", b"x")),
        (b"event: e\ndata: x\ndata: y", Message("e", b"x\ny")),
        (b": comment\ndata: x", Message("", b"x")),
        (b"data: x\nevent: e\ndata: y", Message("e", b"x\ny")),
    ],
)
def test_reads_every_form_of_a_record(record: bytes, message: Message) -> None:
    assert parse(record + b"\n\n") == [message]


@pytest.mark.parametrize("record", [b"event: ping", b": OPENROUTER PROCESSING", b"id: 1", b"retry: 9", b"", b"\n\n"])
def test_a_record_without_data_is_no_message_and_leaves_nothing_behind(record: bytes) -> None:
    assert parse(record + b"\n\ndata: x\n\n") == [Message("", b"x")]


def test_a_byte_order_mark_at_the_start_is_left_out() -> None:
    stream = b"\xef\xbb\xbfdata: x\n\ndata: y\n\n"
    assert all(parse(stream, cut) == [Message("", b"x"), Message("", b"y")] for cut in range(len(stream)))


def test_a_byte_order_mark_later_is_part_of_its_line() -> None:
    assert parse(b"data: x\n\n\xef\xbb\xbfdata: y\n\n") == [Message("", b"x")]


def test_a_message_comes_as_soon_as_its_blank_line_does() -> None:
    parser = Parser()
    assert parser.feed(b"data: x\n") == []
    assert parser.feed(b"\nda") == [Message("", b"x")]
    assert parser.feed(b"ta: y\r\r") == [Message("", b"y")]
    assert parser.feed(b"\ndata: z\r\n\r") == [Message("", b"z")]


def test_the_last_message_needs_no_blank_line() -> None:
    assert parse(b"data: x\n\ndata: y") == [Message("", b"x"), Message("", b"y")]
    assert parse(b"data: x\n\n: bye") == [Message("", b"x")]


def test_nothing_is_said_twice_after_the_end() -> None:
    parser = Parser()
    parser.feed(b"data: x")
    assert parser.close() == [Message("", b"x")]
    assert parser.close() == []


def test_a_record_of_megabytes_in_many_pieces() -> None:
    text = b"x" * 5_000_000
    stream = b"data: " + text + b"\n\n"
    assert parse(stream, *range(0, len(stream), 50)) == [Message("", text)]


RECORDS = st.lists(
    st.sampled_from([b"data: a", b"data:b", b"event: e", b": c", b"", b"id: 1", "data: é€😀".encode(), b"data"]),
    max_size=12,
)


@given(lines=RECORDS, newline=st.sampled_from([b"\n", b"\r\n", b"\r"]), data=st.data())
def test_where_the_network_cuts_does_not_matter(lines: list[bytes], newline: bytes, data: st.DataObject) -> None:
    stream = newline.join(lines)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert parse(stream, *cuts) == parse(stream)


@given(
    st.lists(
        st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"]))
        )
    ),
    st.integers(1, 9),
)
def test_what_is_encoded_is_parsed_back(bodies: list[dict[str, str]], width: int) -> None:
    events = [{**body, "type": "response.x"} for body in bodies]
    stream = b"".join(map(sse.encode, events))
    messages = parse(stream, *range(0, len(stream), width))
    assert [sse.jsontext.loads(message.data) for message in messages] == events
    assert {message.event for message in messages} <= {"response.x"}


# --- a record that is too long ---


@given(cuts=st.lists(st.integers(0, 80), max_size=8), size=st.integers(0, 40))
def test_a_record_that_is_too_long_is_left_out_wherever_the_network_cuts(cuts: list[int], size: int) -> None:
    stream = b"data: a\n\ndata: " + b"x" * size + b"\n\ndata: b\n\n"
    parser = Parser(limit=20)
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(borders)]
    found = [message.data for piece in pieces for message in parser.feed(piece)] + [m.data for m in parser.close()]
    fits = size + len(b"data: ") <= 20
    assert found == ([b"a", b"x" * size, b"b"] if fits else [b"a"])
    assert parser.too_long is not fits


def test_a_record_without_end_is_not_kept() -> None:
    parser = Parser(limit=1000)
    for _ in range(100):
        assert parser.feed(b"x" * 100) == []
    assert parser.too_long
    assert parser._pieces == []


def test_many_records_together_may_be_longer() -> None:
    parser = Parser(limit=20)
    assert len(parser.feed(b"data: x\n\n" * 100)) == 100
    assert not parser.too_long
