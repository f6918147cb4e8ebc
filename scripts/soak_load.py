"""The clients of a soak: one exchange after the other, some of which they leave; each must end as its upstreams did."""

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

from scripts.soak_responses import BEFORE, IN_SPITE, WITHIN
from scripts.soak_routes import BUDGETS
from scripts.soak_upstream import Exchange, SeenAttempt

LEAVES_READING, LEAVES_WAITING = "leaves while it reads", "leaves while it waits"
LIMITED = "limited"
"""The route whose client may also read that no more is allowed."""

ALWAYS = 99
_DEPTHS = (1, 1, 1, 3, ALWAYS)
"""How many attempts have a fault that comes before content. Where it is one, another attempt answers."""

_WITHIN_SHARE = 0.3
_TURN_GOES_ON = 0.7
_DELTAS = (10, 80)
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
_CODEX = "originator: codex_exec\r\nuser-agent: codex_exec/0.169.0\r\n"


@dataclass(frozen=True)
class Shares:
    """Of all exchanges."""

    faults: float
    leaving: float


@dataclass(frozen=True)
class Response:
    """As the client read it."""

    status: str
    body: bytes
    is_whole: bool
    turn_state: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ends(self) -> list[str]:
        return [event["type"].removeprefix("response.") for event in self.events if event["type"] in _TERMINAL]

    @property
    def text(self) -> str:
        return "".join(event["delta"] for event in self.events if event["type"] == "response.output_text.delta")

    @property
    def error(self) -> str:
        """Of a stream that failed, or of another status."""
        failed = self.events[-1].get("response", {}).get("error") if self.events else None
        return str(failed or self.body[:300])

    @property
    def calls(self) -> list[str]:
        items = [event["item"] for event in self.events if event["type"] == "response.output_item.done"]
        return [item["call_id"] for item in items if item["type"] == "function_call"]


def read_response(data: bytes) -> Response:
    head, _, body = data.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode() if head.startswith(b"HTTP/") else "no head"
    turn = re.search(rb"x-codex-turn-state: *(\S+)", head, re.IGNORECASE)
    if b"transfer-encoding: chunked" in head.lower():
        body, is_whole = _dechunked(body)
    else:
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        is_whole = length is not None and int(length[1]) == len(body)
    lines = body.splitlines() if is_whole else []
    events = [json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: {")]
    return Response(status, body, is_whole, turn[1].decode() if turn else None, events)


def _dechunked(body: bytes) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        if not (length := int(size, 16)):
            return b"".join(pieces), rest == b"\r\n"
        pieces.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(pieces), False


@dataclass
class Client:
    """`template` is a request's body, with TAG where its number belongs, and MODEL."""

    port: int
    template: str
    chance: random.Random
    turn_state: str | None = None
    turned: tuple[SeenAttempt, str] | None = None
    """Who answered in this turn, and by which route."""

    stayed: int = 0
    moved: int = 0
    """How many requests of a turn were sent to who answered before, or to another."""

    def drawn(self, number: int, shares: Shares) -> Exchange:
        """What is asked next. A turn goes on for some requests of one route."""
        chance = self.chance
        route = self.turned[1] if self.turned and chance.random() < _TURN_GOES_ON else chance.choice(list(BUDGETS))
        exchange = Exchange(number, route, deltas=chance.randint(*_DELTAS), has_call=chance.random() < 0.5)
        draw = chance.random()
        if draw < shares.faults:
            is_within = chance.random() < _WITHIN_SHARE
            exchange.kind = chance.choice(list(WITHIN if is_within else BEFORE))
            exchange.depth = 1 if is_within else chance.choice(_DEPTHS)
            exchange.fails_in_call = chance.random() < 0.5
        elif draw < shares.faults + shares.leaving:
            exchange.kind = chance.choice([LEAVES_READING, LEAVES_WAITING])
        return exchange

    async def run(self, exchange: Exchange, patience: float) -> None:
        """One exchange over a connection of its own, within so many seconds."""
        exchange.began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        except ConnectionError as error:
            exchange.outcome = exchange.problem = type(error).__name__
            exchange.ended = time.monotonic()
            return
        try:
            writer.write(self._request(exchange))
            async with asyncio.timeout(patience):
                await self._read(exchange, reader)
        except (TimeoutError, ConnectionError) as error:
            exchange.outcome = exchange.problem = "no end" if isinstance(error, TimeoutError) else type(error).__name__
        finally:
            exchange.ended = time.monotonic()
            writer.close()

    def _request(self, exchange: Exchange) -> bytes:
        body = self.template.replace("MODEL", exchange.route).replace("NUMBER", str(exchange.number))
        head = f"POST /v1/responses HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\ncontent-type: application/json\r\n"
        head += _CODEX if self.chance.random() < 0.5 else ""
        if self.turned and self.turned[1] == exchange.route and self.turn_state:
            head += f"x-codex-turn-state: {self.turn_state}\r\n"
        return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()

    async def _read(self, exchange: Exchange, reader: asyncio.StreamReader) -> None:
        if exchange.kind == LEAVES_READING:
            await reader.read(self.chance.randrange(1, 20_000))
        elif exchange.kind == LEAVES_WAITING:
            await asyncio.sleep(self.chance.uniform(0.05, 3.0))
        else:
            response = read_response(await reader.read(-1))
            exchange.outcome, exchange.problem = judged(exchange, response)
            self._follow(exchange, response)
            return
        exchange.left, exchange.outcome = time.monotonic(), "left"

    def _follow(self, exchange: Exchange, response: Response) -> None:
        first = exchange.attempts[0] if exchange.attempts else None
        if self.turned and first and self.turned[1] == exchange.route:
            before = self.turned[0]
            is_same = (before.provider, before.key) == (first.provider, first.key)
            self.stayed, self.moved = self.stayed + is_same, self.moved + (not is_same)
        self.turn_state = response.turn_state
        is_answered = response.ends == ["completed"] and exchange.attempts
        self.turned = (exchange.attempts[-1], exchange.route) if is_answered and self.turn_state else None


def judged(exchange: Exchange, response: Response) -> tuple[str, str]:
    """How it ended, in words; and what is wrong with that, if anything is."""
    if not response.is_whole:
        return "not whole", f"a response that is not whole: {response.status}, {response.ends}"
    if response.status != "200":
        is_error = b'"error"' in response.body and not response.events
        outcome, problem = response.status, "" if is_error else "no error in OpenAI's form"
    elif len(response.ends) != 1 or response.events[-1]["type"] not in _TERMINAL:
        return "no one end", f"ends {response.ends}"
    else:
        outcome, problem = response.ends[0], _wrong_content(exchange, response)
    if not problem and outcome not in _expected(exchange, outcome) and not (outcome == "failed" and exchange.was_late):
        problem = f"another end than expected: {response.error}"
    return outcome, problem


def _expected(exchange: Exchange, outcome: str) -> tuple[str, ...]:
    """Where the limits are used up, the client reads that, or the failure that came before."""
    failed = outcome if outcome != "completed" else "failed"
    may_be_either = exchange.kind in (*IN_SPITE, "empty answer") or 1 < exchange.depth < ALWAYS
    if exchange.kind in WITHIN and exchange.kind not in IN_SPITE:
        return ("failed",) if exchange.route != LIMITED else (failed,)
    if exchange.depth == ALWAYS and not may_be_either:
        return (failed,)
    return ("completed", failed) if may_be_either or exchange.route == LIMITED else ("completed",)


def _wrong_content(exchange: Exchange, response: Response) -> str:
    """The text is that of one attempt alone, and a call is released once, after a whole response."""
    if not exchange.attempts:
        return "" if response.ends == ["failed"] else "a response that nobody gave"
    seen = exchange.attempts[-1]
    sent = "".join(seen.words)
    if response.ends == ["completed"] and exchange.kind not in IN_SPITE:
        calls = [seen.call_id] if seen.call_id and seen.words else []
        return (
            "" if (response.text, response.calls) == (sent, calls) else f"content that was not sent: {response.calls}"
        )
    if len(response.calls) > 1 or (response.ends == ["failed"] and response.calls):
        return f"calls of a response that failed: {response.calls}"
    return "" if sent.startswith(response.text) else "text that was not sent"


def template(request: dict[str, Any], tag: str) -> str:
    """A body whose model and number are to be filled in; the tag is what the user says."""
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"{tag}NUMBER"}]}
    return json.dumps(request | {"model": "MODEL", "stream": True, "input": [*request["input"][:-1], said]})
