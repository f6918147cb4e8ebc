import json
from typing import Any

from addons.redaction.detectors import Redactor
from addons.redaction.sse import StreamTexts

KEY = "sk-" + "a1B2c3D4e5F6g7H8i9J0"


def stream(*values: Any, end: str = "\n\n") -> str:
    return "".join(f"data: {json.dumps(value)}{end}" for value in values)


def chat(*texts: str) -> list[Any]:
    return [{"id": "x", "choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]


def matches(text: str) -> list[str]:
    return list(StreamTexts.parse(text).matches(Redactor()))


def redacted_strings(text: str) -> list[str]:
    """The new texts, in order."""
    pieces, redactor = StreamTexts.parse(text), Redactor()
    edits = pieces.edits(redactor, pieces.affected(redactor))
    return [new for _, paths in sorted(edits.items()) for new in paths.values()]


def test_a_find_is_told_by_its_event() -> None:
    assert matches(stream(*chat("a", f"my {KEY}", " b"))) == ["event 2: key"]


def test_a_find_that_is_split_is_told_by_its_events() -> None:
    assert matches(stream(*chat("a", "my " + KEY[:5], KEY[5:9], KEY[9:] + " and"))) == ["event 2 to 4: key"]


def test_events_are_counted_by_blank_lines_whatever_a_line_ends_with() -> None:
    text = f": hello\r\n\r\nevent: x\r\ndata: 1\r\n\r\n\r\ndata: {KEY}\r\n\r\n"
    assert matches(text) == ["event 3: key"]


def test_a_placeholder_is_spread_over_the_pieces() -> None:
    texts = redacted_strings(stream(*chat("my " + KEY[:12], KEY[12:] + " and")))
    assert "".join(texts) == "my <key-1> and"
    assert all(texts)


def test_what_belongs_to_several_things_is_not_mixed() -> None:
    def delta(index: int, text: str) -> Any:
        return {"type": "content_block_delta", "index": index, "delta": {"partial_json": text}}

    text = stream(delta(1, KEY[:8]), delta(2, "between"), delta(1, KEY[8:]))
    assert matches(text) == ["event 1 to 3: key"]
    assert "".join(redacted_strings(text)) == "<key-1>"
    assert matches(stream(delta(1, "ann@"), delta(2, "corp.org"))) == []


def test_what_is_the_same_in_each_message_is_no_text_in_pieces() -> None:
    value = {"model": "ann@corp", "system": ".org"}
    assert matches(stream(value, value)) == []
    assert redacted_strings(stream(value, value)) == []


def test_lines_that_are_no_json_are_texts_too() -> None:
    assert matches(f"data: [DONE]\n\n: {KEY}\n\n") == ["event 2: key"]


def test_the_names_of_fields_are_looked_at_too() -> None:
    assert StreamTexts.parse(stream({KEY: 1})).affected(Redactor()) == {KEY}
    assert matches(stream({KEY: 1})) == ["event 1: key"]


def test_a_share_of_a_placeholder_is_no_find() -> None:
    pieces = chat("in /home/us", "er-1/x, ask user-1@exam", "ple.com", " at 192.0.", "2.1")
    assert matches(stream(*pieces)) == []
    assert redacted_strings(stream(*pieces)) == []


def test_what_stands_beside_a_split_find_is_found_too() -> None:
    texts = redacted_strings(stream(*chat("bob@corp.org and /home/an", "n/x and ann@corp.org")))
    assert sorted("".join(texts).split(" and ")) == ["/home/user-1/x", "user-1@example.com", "user-2@example.com"]
