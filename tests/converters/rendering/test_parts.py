from typing import Any

import pytest

from converters import seal
from converters.rendering.parts import arguments, part, sealed, text_of

PIXELS = "A" * 16_000

PARTS: list[tuple[Any, str]] = [
    ({"type": "input_text", "text": "hi"}, "hi"),
    ({"type": "refusal", "refusal": "no"}, "no"),
    ({"type": "input_image", "image_url": f"data:image/png;base64,{PIXELS}"}, "[image png 12 kB]"),
    ({"type": "input_image", "image_url": "https://x/y.png"}, "[image https://x/y.png]"),
    ({"type": "input_image", "file_id": "file-1"}, "[image file-1]"),
    ({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PIXELS}"}}, "[image jpeg 12 kB]"),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": PIXELS}}, "[image webp 12 kB]"),
    ({"type": "image", "source": {"type": "url", "url": "https://x/y"}}, "[image https://x/y]"),
    ({"type": "input_audio", "input_audio": {"data": PIXELS, "format": "wav"}}, "[audio wav 12 kB]"),
    (
        {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXELS}"},
        "[file a.pdf pdf 12 kB]",
    ),
    ({"type": "file", "file": {"filename": "a.txt", "file_data": PIXELS}}, "[file a.txt 12 kB]"),
    ({"type": "input_image"}, "[image without data]"),
    ({"type": "encrypted_content", "encrypted_content": "x" * 2000}, "[encrypted, 2 kB]"),
    ({"type": "new", "n": 1}, '{"type":"new","n":1}'),
    ("bare", "bare"),
    (None, ""),
]


@pytest.mark.parametrize(("value", "shown"), PARTS)
def test_each_kind_of_part_is_named_and_no_bytes_are_shown(value: Any, shown: str) -> None:
    assert part(value) == shown


def test_a_content_is_a_text_or_parts() -> None:
    assert text_of("hi") == "hi"
    assert text_of([{"text": "a"}, {"text": ""}, {"text": "b"}]) == "a\nb"
    assert text_of(None) == ""
    assert text_of({"content": "x"}) == '{"content":"x"}'


def test_a_seal_of_ours_is_named_by_its_family() -> None:
    assert sealed(seal.wrap("anthropic", {"text": "x" * 900})) == "[our seal: anthropic, 1 kB]"


def test_arguments_are_a_line_each_and_texts_of_several_lines_stand_below() -> None:
    assert (
        arguments('{"cmd": "ls\\nwc\\n", "n": [1, 2], "on": true}') == "cmd: \n    ls\n    wc\n    \nn: [1,2]\non: true"
    )


def test_the_input_of_a_freeform_tool_is_shown_as_it_is() -> None:
    assert arguments('{"input": "*** Begin\\n*** End"}') == "*** Begin\n*** End"


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', '{"a": "' + "x" * 300_000 + '"}'])
def test_what_is_no_object_or_too_big_to_read_stays_as_it_is(text: str) -> None:
    assert arguments(text) == text
