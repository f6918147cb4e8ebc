"""Events are values, and the union names them all: a decoder's type is only as good as this list."""

import dataclasses
from typing import get_args

import pytest

from converters import events
from converters.events import Event

DEFINED = [value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__]


def test_the_union_names_every_event() -> None:
    assert set(get_args(Event.__value__)) == set(DEFINED)


@pytest.mark.parametrize("event", DEFINED)
def test_an_event_cannot_be_changed_or_extended(event: type) -> None:
    """Stages hand events on: one that changed under its holder would break the laws of the stream."""
    assert dataclasses.is_dataclass(event)
    assert event.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert hasattr(event, "__slots__")
