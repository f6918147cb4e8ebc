"""A previous response that the upstream does not know."""

from typing import Any

import pytest

from converters import jsontext
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses.previous_response import stands_alone, stripped
from tests.converters.conversions import opened, request_body

USER: Json = {"type": "message", "role": "user", "content": "hi"}
DEVELOPER: Json = {"type": "message", "role": "developer", "content": "be brief"}
SAID: Json = {"type": "message", "role": "assistant", "content": "ho"}
CALL: Json = {"type": "function_call", "call_id": "c", "name": "run", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "c", "output": "done"}
ID = "resp_before"

NOT_FOUND = jsontext.dumps(
    {"error": {"message": "Previous response with id 'resp_before' not found.", "code": "previous_response_not_found"}}
)


def following(*items: Any) -> Json:
    return request_body(previous_response_id=ID, input=list(items))


@pytest.mark.parametrize(
    "items", [[USER, SAID, USER], [DEVELOPER, USER, CALL, OUTPUT], [{"role": "user", "content": "hi"}, SAID, USER]]
)
def test_a_whole_history_stands_alone(items: list[Json]) -> None:
    assert stands_alone(following(*items))


@pytest.mark.parametrize(
    "items",
    [
        [],
        [USER],
        [DEVELOPER, USER],
        [OUTPUT],
        [OUTPUT, USER],
        [SAID, USER],
        [USER, SAID, OUTPUT],
        [USER, OUTPUT, CALL],
        [CALL, OUTPUT],
        [USER, SAID, {"type": "item_reference", "id": "msg_1"}],
        [USER, SAID, "odd"],
    ],
)
def test_what_may_need_what_came_before_does_not(items: list[Any]) -> None:
    assert not stands_alone(following(*items))


@pytest.mark.parametrize("raw", [{"input": [USER, SAID]}, {"input": "hi", "previous_response_id": ID}, {}])
def test_what_follows_nothing_or_is_no_history_does_not(raw: Json) -> None:
    assert not stands_alone(raw)


def test_the_id_is_left_out_and_listed() -> None:
    losses = Losses()
    raw = following(USER, SAID, USER)
    assert stripped(raw, losses) == request_body(input=[USER, SAID, USER])
    assert [loss.path for loss in losses] == ["previous_response_id"]
    assert stripped(stripped(raw, losses), losses) == stripped(raw, losses) and losses.total == 1


def test_who_does_not_know_a_response_may_take_the_history_in_its_place() -> None:
    first = opened("responses", following(USER, SAID, USER))
    first.refused(400, {}, NOT_FOUND)
    assert first.blames_previous_response
    again = opened("responses", following(USER, SAID, USER), previous_response_stripped=True)
    assert "previous_response_id" not in jsontext.loads(again.body)
    assert [loss.path for loss in again.losses] == ["previous_response_id"]
    again.refused(400, {}, NOT_FOUND)
    assert not again.blames_previous_response, "once is enough"


@pytest.mark.parametrize("status", [400, 404])
def test_where_history_would_be_lost_the_client_reads_the_code(status: int) -> None:
    conversion = opened("responses", following(USER))
    conversion.refused(status, {}, NOT_FOUND)
    assert not conversion.blames_previous_response
    response = conversion.whole()
    assert (response.status, jsontext.loads(response.body)["error"]["code"]) == (status, "previous_response_not_found")


@pytest.mark.parametrize(("status", "body"), [(400, b"{}"), (500, NOT_FOUND), (400, b"not found"), (401, NOT_FOUND)])
def test_any_other_refusal_blames_no_response(status: int, body: bytes) -> None:
    conversion = opened("responses", following(USER, SAID, USER))
    conversion.refused(status, {}, body)
    assert not conversion.blames_previous_response
