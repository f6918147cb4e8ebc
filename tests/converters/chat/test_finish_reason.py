"""Why answers end, in everybody's words."""

from typing import Any

import pytest

from converters.chat import finish_reason
from converters.lenient import Reader
from converters.losses import Losses

READ = Reader(Losses())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("tool_calls", "tool_calls"),
        ("tool_call", "tool_calls"),
        ("function_call", "tool_calls"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("sensitive", "content_filter"),
        ("SAFETY", "content_filter"),
        ("a word of tomorrow", "stop"),
    ],
)
def test_every_word_has_a_reason(said: str, reason: str) -> None:
    assert finish_reason.stop_reason(said) == reason


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ({"finish_reason": "error", "native_finish_reason": "MALFORMED_FUNCTION_CALL"}, "server"),
        ({"finish_reason": "network_error"}, "server"),
        ({"finish_reason": "abort"}, "server"),
        ({"finish_reason": "ERROR"}, "server"),
        ({"finish_reason": "insufficient_system_resource"}, "overloaded"),
        ({"finish_reason": "stop", "error": {"code": 502, "message": "no"}}, "server"),
    ],
)
def test_some_ends_are_failures(choice: Any, kind: str) -> None:
    fault = finish_reason.broken("Zed", choice, choice.get("finish_reason") or "", READ)
    assert fault is not None
    assert fault.kind == kind
    assert str(choice.get("native_finish_reason", "")) in fault.message


@pytest.mark.parametrize("choice", [{}, {"finish_reason": None}, {"finish_reason": "stop"}])
def test_other_ends_are_none(choice: Any) -> None:
    assert finish_reason.broken("Zed", choice, choice.get("finish_reason") or "", READ) is None


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        ({"error": {"message": "slow down", "code": 429}}, "rate_limited"),
        ({"error": "out of credits"}, "quota"),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "quota"),
        ({"base_resp": {"status_code": 1039, "status_msg": "token limit"}}, "rate_limited"),
        ({"base_resp": {"status_code": 9999, "status_msg": "odd"}}, "server"),
        ({"code": 500, "msg": "busy", "success": False}, "server"),
        ({"object": "error", "message": "bad", "code": 400}, "bad_request"),
    ],
)
def test_errors_are_found_in_any_form(chunk: Any, kind: str) -> None:
    fault = finish_reason.error_in("Zed", chunk, READ)
    assert fault is not None
    assert fault.kind == kind


def test_an_event_line_can_name_the_error() -> None:
    assert finish_reason.error_in("Zed", {"message": "no"}, READ) is None
    assert finish_reason.error_in("Zed", {"message": "no"}, READ, named_error=True) is not None


@pytest.mark.parametrize(
    "chunk", [{}, {"error": None}, {"base_resp": {"status_code": 0}}, {"base_resp": None}, {"base_resp": "ok"}]
)
def test_a_good_chunk_has_no_error(chunk: Any) -> None:
    assert finish_reason.error_in("Zed", chunk, READ) is None
