"""Real requests with something wrong in each, against the laws; for the tests and `scripts/fuzz requests`."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from addons.cases.case import Case
from tests.conversion_laws import REPOSITORY, Setting, check_request, settings
from tests.mutations import Mutation, Source

_ANSWERS = ("plain-answer", "patch-call", "parallel-calls", "resumed-thinking")


@dataclass(frozen=True)
class Failure:
    """`kind` is the same for what has one cause."""

    kind: str
    mutation: Mutation
    setting: Setting

    def again(self, mutation: Mutation) -> "Failure | None":
        """What comes of another text in the same setting."""
        return tried(mutation, self.setting)

    def __str__(self) -> str:
        return f"{self.kind}\n  {self.mutation.what}\n  {self.setting}"


def one(rng: random.Random) -> Failure | None:
    """What is wrong with how the next mutation is treated."""
    mutation = rng.choice(sources()).mutated(rng)
    return tried(mutation, rng.choice(_settings()), rng.choice(_ANSWERS), shown=rng.random() < 0.2)


def tried(mutation: Mutation, setting: Setting, answer: str = _ANSWERS[0], *, shown: bool = True) -> Failure | None:
    try:
        check_request(mutation.text, setting, _answer(setting.upstream.protocol, answer), shown=shown)
    except Exception as error:  # all that is no refusal is a finding
        return Failure(kind(error), mutation, setting)
    return None


def kind(error: BaseException) -> str:
    """What went wrong, and in which line."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    where = f"{Path(step.tb_frame.f_code.co_filename).name}:{step.tb_lineno}" if step else "?"
    return f"{type(error).__name__} in {where}: {str(error)[:150]}"


@cache
def sources() -> list[Source]:
    """A request with all that there is, three times as often as all recorded ones: it is small and has rare things."""
    flows = REPOSITORY / "flows"
    recorded = [Source(text, name) for name, text in _distinct(sorted(flows.glob("*/*/client_request.json")))]
    every_kind = Source((REPOSITORY / "tests" / "data" / "every-kind.json").read_bytes(), "every-kind")
    return [*recorded, *[every_kind] * 3 * len(recorded)]


def _distinct(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    seen: set[bytes] = set()
    for path in paths:
        text = Case.load(path.parent).client_request
        if text not in seen:
            seen.add(text)
            yield f"{path.parent.parent.name}/{path.parent.name}", text


@cache
def _settings() -> list[Setting]:
    return settings()


@cache
def _answer(protocol: str, name: str) -> bytes:
    """A recorded answer; a Responses upstream's is what a client reads."""
    if protocol == "responses":
        return Case.load(REPOSITORY / "flows" / "chat" / name).client_response.data
    return Case.load(REPOSITORY / "flows" / protocol / name).upstream_body
