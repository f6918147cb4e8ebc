"""Runs a fuzz test for as long as one likes. `scripts/fuzz` starts it."""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from tqdm import trange

from tests import answer_fuzz, request_fuzz
from tests.mutations import Mutation, shrunk


class Failure(Protocol):
    """`kind` is the same for what has one cause; `again` tries another text in place of the mutated one."""

    @property
    def kind(self) -> str: ...
    @property
    def mutation(self) -> Mutation: ...
    def again(self, mutation: Mutation) -> "Failure | None": ...


FUZZERS: dict[str, Callable[[random.Random], Failure | None]] = {
    "requests": request_fuzz.one,
    "answers": answer_fuzz.one_of_all,
}


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    fuzz = FUZZERS[options.what]
    rng = random.Random(options.seed)
    first: dict[str, Failure] = {}
    often: Counter[str] = Counter()
    for _ in trange(options.count, disable=None):
        if failure := fuzz(rng):
            first.setdefault(failure.kind, failure)
            often[failure.kind] += 1
    for kind, count in often.most_common():
        print(f"\n{count} x {smallest(first[kind])}")
    print(f"\n{options.count:,} mutations, seed {options.seed}: {len(first)} kinds of surprises")
    return 1 if first else 0


def smallest(failure: Failure) -> str:
    """A failure, and as little of its text as fails in the same way."""

    def fails(text: bytes) -> bool:
        again = failure.again(Mutation(text, ""))
        return again is not None and again.kind == failure.kind

    text = shrunk(failure.mutation.text, fails)
    text_shown = text.decode("utf-8", "replace")
    return f"{failure}\n  {text_shown if len(text_shown) < 3000 else f'{text_shown[:1500]} ... {text_shown[-1500:]}'}"


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("what", choices=FUZZERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100_000)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
