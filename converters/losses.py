"""What a conversion could not carry over, as values: most failures in this field are a 200 with something missing."""

from dataclasses import dataclass


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
    """The losses of one exchange, in the order they were noticed, each once."""

    def note(self, path: str, what: str, why: str) -> None:
        loss = Loss(path, what, why)
        if loss not in self:
            self.append(loss)
