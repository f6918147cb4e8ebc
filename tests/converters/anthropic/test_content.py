"""Parts as content blocks."""

from typing import Any

import pytest

from converters.anthropic.dialect import AnthropicDialect
from converters.jsontext import Json
from tests.converters.anthropic.sample_requests import PIXEL, convert_items, image, text
from tests.converters.sample_items import user

BLIND = AnthropicDialect(images=False, documents=False, cache=False)


def block(part: Json, dialect: AnthropicDialect | None = None) -> tuple[Json, list[str]]:
    body, losses = convert_items(user(part), dialect=dialect or AnthropicDialect(cache=False))
    (only,) = body["messages"][0]["content"]
    return only, [loss.path for loss in losses]


def base64_source(media_type: str, data: str = PIXEL) -> Json:
    return {"type": "base64", "media_type": media_type, "data": data}


@pytest.mark.parametrize(
    ("url", "source"),
    [
        (f"data:image/png;base64,{PIXEL}", base64_source("image/png")),
        (f"DATA:image/JPG;base64,{PIXEL}", base64_source("image/jpeg")),
        (f"data:image/webp;name=a.webp;base64,{PIXEL[:4]}\n{PIXEL[4:]}", base64_source("image/webp")),
        ("https://x.test/a.png", {"type": "url", "url": "https://x.test/a.png"}),
    ],
)
def test_an_image_is_sent_by_value_or_by_address(url: str, source: Json) -> None:
    assert block(image(url)) == ({"type": "image", "source": source}, [])


@pytest.mark.parametrize(
    "part",
    [
        image("data:image/png;base64,###"),
        image("data:image/png;base64,"),
        image("data:image/png;base64,é😀"),
        image("data:image/tiff;base64," + PIXEL),
        image("data:image/svg+xml;utf8,<svg/>"),
        image("nonsense"),
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,aGk="},
        {"type": "input_file", "file_id": "file_1"},
        {"type": "input_hologram", "depth": 3},
    ],
)
def test_what_cannot_be_sent_leaves_a_note_and_a_loss(part: Any) -> None:
    result, lost = block(part)
    assert result["type"] == "text" and result["text"].startswith("[Here was ")
    assert lost == ["input[0]"]


def test_a_pdf_is_a_document() -> None:
    part = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}
    assert block(part) == ({"type": "document", "source": base64_source("application/pdf")}, [])
    result, lost = block(part, BLIND)
    assert result == text("[Here was the file a.pdf, left out: this upstream takes no files.]")
    assert lost == ["input[0]"]


def test_a_model_without_eyes_is_told_that_there_was_an_image() -> None:
    result, lost = block(image(), AnthropicDialect(images=False, cache=False))
    assert result == text("[Here was an image, left out: this model takes text only.]")
    assert lost == ["input[0]"]
