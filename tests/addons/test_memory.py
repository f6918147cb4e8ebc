"""Answers do not stay in memory."""

import gc
import weakref

from addons import memory


class Answer:
    """Something large that refers to itself, as frames do."""

    def __init__(self) -> None:
        self.itself = self


def test_what_refers_to_itself_goes_at_the_next_sweep() -> None:
    gc.disable()
    try:
        answer = Answer()
        seen = weakref.ref(answer)
        del answer
        assert seen() is not None
        assert memory.sweep() > 0
        assert seen() is None
    finally:
        gc.enable()


def test_what_was_loaded_is_not_looked_at_again() -> None:
    try:
        memory.settle()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
