"""Refusals as Responses upstreams have written them, and what is left out from then on."""

from typing import Any

import pytest

from converters import jsontext
from converters.jsontext import Json
from tests.converters.refusals import EVERYTHING, error_body, lesson, refused

REFUSALS: list[tuple[bytes, Json, str, Any]] = [
    (error_body("Unsupported parameter: temperature"), {}, "drop", ["temperature"]),
    (
        error_body("Unknown parameter: 'reasoning.summary'.", param="reasoning.summary", code="unknown_parameter"),
        {},
        "drop",
        ["reasoning.summary"],
    ),
    (
        b'{"code":"x","error":"Argument not supported on this model: reasoning.summary"}',
        {},
        "drop",
        ["reasoning.summary"],
    ),
    (
        b'{"detail":"Unsupported parameter: prompt_cache_key"}',
        {"drop": ("store",)},
        "drop",
        ["store", "prompt_cache_key"],
    ),
    (error_body("Model x does not support parameter reasoningEffort."), {}, "drop", ["reasoning.effort"]),
    (
        error_body("Unsupported value: 'high' is not supported with the model.", param="reasoning.effort"),
        {},
        "drop",
        ["reasoning.effort"],
    ),
    (b'{"detail":"Stream must be set to true"}', {"streaming": "never"}, "streaming", "always"),
    (b'{"detail":"Streaming is not supported"}', {}, "streaming", "never"),
]


@pytest.mark.parametrize(("body", "flags", "flag", "value"), REFUSALS)
def test_a_refusal_teaches_a_flag(body: bytes, flags: Json, flag: str, value: Any) -> None:
    learned = lesson("responses", flags, body)
    assert learned is not None
    assert (learned.flag, list(learned.value) if isinstance(value, list) else learned.value) == (flag, value)


def test_a_client_that_wants_no_stream_teaches_that_its_upstream_only_streams() -> None:
    body = b'{"detail":"Stream must be set to true"}'
    learned = lesson("responses", {}, body, EVERYTHING | {"stream": False})
    assert learned is not None and (learned.flag, learned.value) == ("streaming", "always")
    conversion = refused("responses", {"streaming": "always"}, body, EVERYTHING | {"stream": False})
    assert jsontext.loads(conversion.body)["stream"] is True
    assert conversion.lesson is None


@pytest.mark.parametrize("field", ["previous_response_id", "input", "tools", "model", "conversation"])
def test_what_holds_the_thread_is_never_left_out(field: str) -> None:
    raw = EVERYTHING | {"previous_response_id": "resp_1", "conversation": "c"}
    assert lesson("responses", {}, error_body(f"Unsupported parameter: {field}", param=field), raw) is None
