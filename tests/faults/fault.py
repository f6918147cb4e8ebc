"""The list of faults, and what they have in common. The modules that fill it are `transport` and `answers`."""

from tests.faults.speech import Speech
from tests.faults.upstream import Line, Play

FAULTS: dict[str, Play] = {}

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Sorry</h1></body></html>"
MANY = 1 << 20


def fault(play: Play) -> Play:
    FAULTS[play.__name__.removeprefix("_").replace("_", "-")] = play
    return play


def half(speech: Speech) -> list[bytes]:
    return speech.pieces[: len(speech.pieces) // 2]


async def begin(line: Line) -> None:
    """The head and the first half of a good answer."""
    await line.head()
    await line.chunks(*half(line.speech))


@fault
async def good(line: Line) -> None:
    await line.head()
    await line.rest()
