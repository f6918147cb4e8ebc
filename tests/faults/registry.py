"""The list of faults, and what they have in common. The modules that fill it are `transport_faults` and `response_faults`."""

from tests.faults.faulty_upstream import Connection, Fault
from tests.faults.good_response import GoodResponse

FAULTS: dict[str, Fault] = {}

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Sorry</h1></body></html>"
MANY = 1 << 20


def fault(play: Fault) -> Fault:
    FAULTS[play.__name__.replace("_", "-")] = play
    return play


def half(good_response: GoodResponse) -> list[bytes]:
    return good_response.pieces[: len(good_response.pieces) // 2]


async def begin(connection: Connection) -> None:
    """The head and the first half of a good response."""
    await connection.head()
    await connection.chunks(*half(connection.good_response))


@fault
async def good(connection: Connection) -> None:
    await connection.head()
    await connection.rest()
