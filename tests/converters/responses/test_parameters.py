"""Which fields of a request are listed when nothing but a Responses upstream could follow them."""

from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import parameters


def lost(raw: Json) -> set[str]:
    losses = Losses()
    parameters.note_lost(raw, losses)
    return {loss.path for loss in losses}


def test_fields_that_would_change_the_answer_are_losses() -> None:
    result = {"service_tier": "priority", "truncation": "auto", "background": True, "top_logprobs": 3}
    more = {"max_tool_calls": 2, "presence_penalty": 0.5, "frequency_penalty": -1}
    assert lost(result | more) == result.keys() | more.keys()


def test_fields_that_ask_for_the_default_are_no_losses() -> None:
    result = {"service_tier": "auto", "truncation": "disabled", "background": False, "top_logprobs": 0}
    assert lost(result | {"presence_penalty": 0.0, "max_tool_calls": None}) == set()


def test_fields_that_change_no_answer_are_no_losses() -> None:
    assert lost({"metadata": {"a": "b"}, "user": "me", "safety_identifier": "x", "store": True}) == set()
