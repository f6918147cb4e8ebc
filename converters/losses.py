"""What a conversion could not carry over, as values: most failures in this field are a 200 with something missing."""

from dataclasses import dataclass

_LONGEST = 120
"""Characters of what was lost: it may be the client's own words, of any length."""

_MOST_KEPT = 1000
_MOST_SUMMARIZED = 12


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing of the client's request that the upstream does not get, or gets in another form.

    `path` is the JSON path into the client's body, e.g. `input[3].content[0]` or `tools[8]`.
    """

    path: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what} ({self.why})"


class Losses(list[Loss]):
    """The losses of one exchange, in the order they were noticed, each once. Only the first thousand are kept."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[Loss] = set()
        self._more = 0

    @property
    def total(self) -> int:
        """How many there are, those not kept included."""
        return len(self) + self._more

    def note(self, path: str, what: str, why: str) -> None:
        loss = Loss(path, _in_short(what), _in_short(why))
        if loss in self._known:
            return
        if len(self) == _MOST_KEPT:
            self._more += 1
            return
        self._known.add(loss)
        self.append(loss)

    def summary(self) -> str:
        """All in one line for a person: the first few in words, the rest as a number; "" where there is none."""
        rest = self.total - _MOST_SUMMARIZED
        return "; ".join([*map(str, self[:_MOST_SUMMARIZED]), *([f"and {rest:,} more"] if rest > 0 else [])])


def _in_short(words: str) -> str:
    """One line without controls, cut where it is long."""
    if len(words) <= _LONGEST and words.isprintable():
        return words
    line = "".join(character if character.isprintable() else " " for character in words[: 2 * _LONGEST])
    line = " ".join(line.split())
    return line if len(words) <= _LONGEST else f"{line[: _LONGEST - 4]} ..."
