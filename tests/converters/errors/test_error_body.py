"""What an error body says."""

from typing import Any

import pytest

from converters import jsontext
from converters.errors.error_body import MOST_READ, ErrorBody, describe, read_body, read_value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"error": {"message": "no", "type": "a", "code": "b"}}, ErrorBody("no", ("b", "a"))),
        ([{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "31s"}]}}], ErrorBody("slow", ("429", "RESOURCE_EXHAUSTED"), 429, 31)),
        ({"error": {"message": "outer", "metadata": {"raw": '{"error":{"message":"inner","code":"c"}}'}}}, ErrorBody("outer: inner", ("c",))),
        ({"error": {"message": '{"error":{"message":"inner","code":"c"}}', "code": 500}}, ErrorBody("inner", ("c", "500"), 500)),
        ({"detail": [{"loc": ["body", "messages", 0], "msg": "Field required"}]}, ErrorBody("body.messages.0: Field required")),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient"}}, ErrorBody("insufficient", ("status_code 1008",))),
        ({"code": "text", "error": "words"}, ErrorBody("words", ("text",))),
        ({"message": "x", "retry_after_ms": 1500}, ErrorBody("x", (), None, 1.5)),
        ("words", ErrorBody("words")),
        (None, ErrorBody("(no message)")),
        ({"code": True, "status": 1.5, "type": "x" * 101}, ErrorBody("(no message)")),
    ],
)  # fmt: skip
def test_every_form_is_read(error: Any, said: ErrorBody) -> None:
    assert read_value(error) == said


def test_a_body_without_a_message_is_shown() -> None:
    assert describe(b'{"odd": 1}') == '{"odd": 1}'
    assert describe(b"") == "(no message)"


def test_only_the_beginning_is_read() -> None:
    assert "late" not in describe(b"<p>" + b" " * MOST_READ + b"late")


def test_the_message_of_a_body_that_is_cut_is_found() -> None:
    echo = jsontext.dumps({"detail": [{"msg": "Field required", "type": "missing", "input": "x" * MOST_READ}]})
    assert read_body(echo) == ErrorBody("Field required", ("missing",))
