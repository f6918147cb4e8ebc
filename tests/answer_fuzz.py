"""Real answers with something wrong in each, against the laws; for the tests and `scripts/fuzz answers`."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import orjson

from addons.cases.case import Case
from converters import conversion, jsontext, sse
from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.conversion import Conversion, Upstream
from converters.dialect import Dialect
from converters.errors import Client
from converters.jsontext import Json
from converters.protocols import PROTOCOLS
from converters.rendering.readable import looks_readable, readable
from tests import referee, stream_laws
from tests.mutations import Mutation, Source
from tests.request_fuzz import kind
from tests.strategies import REQUEST

REPOSITORY = Path(__file__).parents[1]
CORPUS = REPOSITORY.parent / "shared" / "corpus"

_DIALECTS: list[tuple[str, Dialect]] = [
    *((name, protocol.dialect()) for name, protocol in PROTOCOLS.items()),
    ("chat", ChatDialect(reasoning_back="details", think_tags=False)),
    ("chat", ChatDialect(reasoning_back="exact", call_signatures=True, think_opened=True)),
    ("chat", ChatDialect(cumulative=True, continue_on_length=True, continue_on_empty=True)),
    ("anthropic", AnthropicDialect(unsigned_thinking=True, continue_on_length=True, continue_on_empty=True)),
]
_OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
_INPUTS: list[Json] = [
    {"input": "Fix it."},
    {"input": [{"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": "{}"}, _OUTPUT]},
    {"input": [{"type": "message", "role": "user", "content": "Fix it."}, {"type": "compaction_trigger"}]},
]
_CLIENTS: tuple[Client, ...] = ("codex", "older-codex", "other")
_OF_PYTHON = re.compile(
    r"\b(Attribute|Type|Key|Value|Index|JSONDecode|JSONEncode|Unicode\w+|Recursion|Overflow|Assertion)Error\b"
    r"|NoneType|object at 0x|<class|Traceback|unhashable|\bsys\.|^'|\bdict\b|: line \d+ column"
)


@dataclass(frozen=True)
class Frame:
    """An answer around the JSON text that is mutated."""

    before: bytes
    after: bytes

    def around(self, text: bytes) -> bytes:
        return self.before + text + self.after


@dataclass(frozen=True)
class Setting:
    """All that an answer's conversion depends on beside its bytes. `cuts` seeds where the network cuts."""

    upstream: Upstream
    client: Client
    input: int
    cuts: int

    def open(self, *, stream: bool) -> Conversion:
        raw = {**REQUEST.raw, **_INPUTS[self.input], "stream": stream}
        return conversion.open_conversion(
            conversion.ClientRequest(raw), conversion.ConversionSpec(self.upstream, now=1, client=self.client)
        )


@dataclass(frozen=True)
class Failure:
    """`kind` is the same for what has one cause."""

    kind: str
    mutation: Mutation
    frame: Frame
    setting: Setting

    def again(self, mutation: Mutation) -> "Failure | None":
        """What comes of another text in the same place."""
        return tried(mutation, self.frame, self.setting)

    def __str__(self) -> str:
        dialect = self.setting.upstream.dialect.model_dump(exclude_defaults=True)
        return f"{self.kind}\n  {self.mutation.what}\n  {self.setting.client}: {dialect}, {_INPUTS[self.setting.input]}"


def one(rng: random.Random) -> Failure | None:
    """What is wrong with how the next mutation is told."""
    protocol, dialect = rng.choice(_DIALECTS)
    return _one(rng, protocol, dialect, answers(protocol))


def one_of_all(rng: random.Random) -> Failure | None:
    """The same, of what real providers said as well, where that is there."""
    protocol, dialect = rng.choice(_DIALECTS)
    return _one(rng, protocol, dialect, answers(protocol) + collected(protocol))


def _one(rng: random.Random, protocol: str, dialect: Dialect, choice: "list[Answer]") -> Failure | None:
    answer = rng.choice(choice)
    mutation, frame = answer.mutated(rng)
    setting = Setting(
        Upstream("Nobody", protocol, "any", dialect),
        rng.choice(_CLIENTS),
        rng.choice((0, 0, 0, 1, 2)),
        rng.randrange(1 << 30),
    )
    return tried(mutation, frame, setting)


def tried(mutation: Mutation, frame: Frame, setting: Setting) -> Failure | None:
    try:
        check(frame.around(mutation.text), setting)
    except Exception as error:  # whatever it is: nothing may raise, and each law is an assertion
        return Failure(kind(error), mutation, frame, setting)
    return None


# --- what must hold ---


def check(answer: bytes, setting: Setting) -> None:
    cut, whole = setting.open(stream=True), setting.open(stream=True)
    said = _said(cut, _cut(answer, random.Random(setting.cuts)))
    assert said == _said(whole, [answer]), "it matters where the network cuts"
    assert cut.losses == whole.losses
    assert not cut.surprise
    if setting.upstream.protocol == "responses":
        _check_relayed(answer, said)
    else:
        told = referee.read(said)
        stream_laws.check(told)
        if setting.cuts % 16 == 1:
            stream_laws.check_with_openai(told)
        _check_body(answer, setting, told[-1]["response"])
        if cut.fault is not None:
            assert not _OF_PYTHON.search(cut.fault.message), cut.fault.message
    if setting.cuts % 4 == 0:
        _check_view(answer)


def _said(opened: Conversion, pieces: list[bytes]) -> bytes:
    told = opened.commit() + [chunk for piece in pieces for chunk in opened.feed(piece)]
    return b"".join(told + opened.close())


def _check_relayed(answer: bytes, said: bytes) -> None:
    """The upstream's records as they are, up to its terminal event, or one of ours in its place."""
    theirs, told = sse.Splitter(), _records(said)
    came = [record for record in [*theirs.split(answer), theirs.rest()] if record]
    assert told == came[: len(told)] or told[:-1] == came[: len(told) - 1]
    assert any(end in told[-1] for end in (b"response.completed", b"response.incomplete", b"response.failed"))


def _records(stream: bytes) -> list[bytes]:
    return [record for record in sse.Splitter().split(stream) if record]


def _cut(answer: bytes, rng: random.Random) -> list[bytes]:
    places = sorted(rng.randrange(len(answer) + 1) for _ in range(rng.choice((1, 3, 20))))
    return [answer[start:end] for start, end in pairwise([0, *places, len(answer)])]


def _check_body(answer: bytes, setting: Setting, streamed: Json) -> None:
    """A client that asked for no stream gets the same."""
    opened = setting.open(stream=False)
    assert _said(opened, [answer]) == b""
    whole = opened.whole()
    assert not opened.surprise
    assert whole.status == 200 or streamed["status"] == "failed"
    if whole.headers["content-type"] == "text/event-stream":
        assert streamed["status"] == "failed"
        return  # so an older Codex is told
    body = orjson.loads(whole.body)
    if streamed["status"] == "failed":
        assert body["error"]["message"] in streamed["error"]["message"]
    else:
        assert body == streamed


def _check_view(answer: bytes) -> None:
    shown = readable(answer)
    assert "cannot be read" not in (shown or ""), "the view stumbles"
    # A body that is no JSON any more has a view of its own, and so has what is of no protocol.
    told = answer.startswith((b"data:", b"event:")) and any(map(_is_json, _TELLS_ITSELF.findall(answer)))
    assert shown is not None or not told or not looks_readable(answer), "the view shows nothing"


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(jsontext.loads(text), dict)
    except ValueError:  # nested too deep, too
        return False


_TELLS_ITSELF = re.compile(rb'^data: (\{.*"choices": ?\[\{.*|\{"type": ?"(?:content_block|message)_.*)$', re.MULTILINE)


# --- recorded answers, mutated ---


@dataclass(frozen=True)
class Answer:
    """A recorded one: `pieces` are its records, or the one body; `kinds` are those of a shape, by their places."""

    name: str
    pieces: list[bytes]
    kinds: list[list[int]]

    def mutated(self, rng: random.Random) -> tuple[Mutation, Frame]:
        """A record with something wrong in it, within an answer that may be wrong as a whole as well."""
        at = rng.choice(rng.choice(self.kinds))
        head, data, tail = _parts(self.pieces[at])
        before, after = self.pieces[:at], self.pieces[at + 1 :]
        if rng.random() < 0.3:
            before, after = _disordered(before, rng), _disordered(after, rng)
        mutation = Source(data, f"{self.name} [{at}]").mutated(rng)
        return mutation, Frame(b"".join(before) + head, tail + b"".join(after))


def _disordered(pieces: list[bytes], rng: random.Random) -> list[bytes]:
    """Records left out, doubled, swapped or cut off, or something between them."""
    found = list(pieces)
    if not found:
        return found
    at, other = rng.randrange(len(found)), rng.randrange(len(found))
    match rng.randrange(6):
        case 0:
            del found[at]
        case 1:
            found.insert(other, found[at])
        case 2:
            found[at], found[other] = found[other], found[at]
        case 3:
            del found[at:]
        case 4:
            found.insert(
                at, rng.choice((b"data: [DONE]\n\n", b": still here\n\n", b"data: {}\n\n", b"event: error\n\n"))
            )
        case 5:
            found[at] = found[at][: rng.randrange(len(found[at]))]
    return found


def _parts(piece: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before, in and behind the JSON of a record or a body."""
    found = re.search(rb"^(?:data: ?)?(\{.*)$", piece, re.MULTILINE | (0 if b"data:" in piece[:200] else re.DOTALL))
    assert found
    return piece[: found.start(1)], found[1], piece[found.end(1) :]


@cache
def answers(protocol: str) -> list[Answer]:
    """Each protocol's recorded ones, and one with all that there is as often as all others together."""
    recorded = [answer for path in _paths(protocol) if (answer := _answer(path))]
    every_kind = [answer for answer in recorded if "every-kind" in answer.name]
    return recorded + every_kind * (len(recorded) // max(1, len(every_kind)))


@cache
def collected(protocol: str) -> list[Answer]:
    files = sorted(CORPUS.glob(f"{protocol}/*/*.sse")) + sorted(CORPUS.glob(f"{protocol}/*/*.json"))
    bodies = [path for path in files if not path.stem.endswith((".meta", ".request"))]
    return [answer for path in bodies if path.stat().st_size < 100_000 and (answer := _answer(path))]


def _paths(protocol: str) -> Iterator[Path]:
    flows = REPOSITORY / "flows"
    if protocol == "responses":
        yield from sorted(flows.glob("*/*/client_response.sse"))
    else:
        yield from sorted(flows.glob(f"{protocol}/*/upstream_response.*"))
    yield from sorted((REPOSITORY / "tests" / "data" / "answers").glob(f"{protocol}-*"))


def _answer(path: Path) -> Answer | None:
    is_of_a_case = path.is_relative_to(REPOSITORY / "flows")
    text = Case.load(path.parent).files()[path.name] if is_of_a_case else path.read_bytes()
    pieces = [text] if text.startswith(b"{") else [piece for piece in re.split(rb"(?<=\n\n)", text) if piece]
    kinds: dict[bytes, list[int]] = {}
    for at, piece in enumerate(pieces):
        if b"{" in piece:
            kinds.setdefault(_shape(piece), []).append(at)
    name = f"{path.parent.parent.name}/{path.parent.name}" if is_of_a_case else path.stem
    return Answer(name, pieces, list(kinds.values())) if kinds else None


def _shape(piece: bytes) -> bytes:
    """The record without its texts and numbers, but for the words of its protocol."""
    return re.sub(rb'(?<=: )("[^"\\]*[^"\\\w][^"\\]*"|[\d.]+)', b"", piece)
