"""What users and tools say, as chat content."""

from typing import Any

import pytest

from converters.jsontext import Json
from tests.converters.chat.sample_requests import PIXEL, body, convert_items, image, messages
from tests.converters.sample_items import call, developer, output, user

IMAGE = {"type": "image_url", "image_url": {"url": PIXEL}}


def last(*items: Json, **flags: Any) -> Any:
    return messages(*items, **flags)[-1]["content"]


def test_texts_are_one_string() -> None:
    assert last(user("a", "b")) == "a\n\nb"


def test_a_refusal_is_text() -> None:
    assert last(user({"type": "refusal", "refusal": "No."})) == "No."


def test_an_image_makes_a_list_of_parts() -> None:
    assert last(user("look:", image())) == [{"type": "text", "text": "look:"}, IMAGE]


@pytest.mark.parametrize(("detail", "sent"), [("low", "low"), ("high", "high"), ("original", "high")])
def test_an_images_detail_is_kept_as_far_as_chat_knows_it(detail: str, sent: str) -> None:
    assert last(user(image(detail=detail)))[0]["image_url"]["detail"] == sent


def test_a_text_model_is_told_that_an_image_was_there() -> None:
    assert last(user("look:", image()), images=False) == "look:\n\n[image left out: the model takes text only]"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_image", "file_id": "file_1"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,eA==", "filename": "x.pdf"},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "ogg"}},
        {"type": "encrypted_content", "encrypted_content": "x"},
        {"type": "hologram", "shape": "cube"},
    ],
)
def test_what_chat_cannot_say_leaves_a_note_and_a_loss(part: Json) -> None:
    result, losses = convert_items(user("look:", part))
    assert result["messages"][-1]["content"].startswith("look:\n\n[")
    assert [loss.path for loss in losses] == ["input[0].content[1]"]


def test_audio_goes_where_media_are_taken() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}}
    assert last(user(audio)) == [audio]
    assert last(user(audio), images=False).startswith("[input_audio left out")


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("done", "done"),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], "a\nb"),
        ({"ok": True}, '{"ok":true}'),
        ("", "(no output)"),
        ([], "(no output)"),
        (None, "(no output)"),
    ],
)
def test_a_tools_output_is_a_string(said: Any, sent: str) -> None:
    assert last(user(), call(), output(said=said)) == sent


def test_a_tools_images_follow_in_one_user_message() -> None:
    sent = messages(
        user(),
        call("a"),
        call("b"),
        output("a", [image()]),
        output("b", [{"type": "input_text", "text": "x"}, image()]),
    )
    note = "[an image, shown in the next user message]"
    assert [(message["role"], message["content"]) for message in sent[2:]] == [
        ("tool", note),
        ("tool", f"x\n{note}"),
        ("user", [{"type": "text", "text": "[The images of the tool outputs above, in their order]"}, IMAGE, IMAGE]),
    ]


def test_a_text_model_gets_no_image_of_a_tool() -> None:
    assert last(user(), call(), output(said=[image()]), images=False) == "[image left out: the model takes text only]"


def test_instructions_hold_text_only() -> None:
    late = {**developer("see"), "content": [{"type": "input_text", "text": "see"}, image()]}
    sent = body(user(), late)["messages"]
    assert isinstance(sent[-1]["content"], list)
    assert last(user(), late, late_instructions="keep").startswith("see\n\n[input_image left out")
