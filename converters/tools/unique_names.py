"""Names of which no two are the same."""


class UniqueNames:
    """Gives what is wanted, with a number behind `joint` where it was given before: in one order the same names."""

    def __init__(self, joint: str) -> None:
        self._joint = joint
        self._given: set[str] = set()
        self._next: dict[str, int] = {}  # by wanted name, so that a thousand equal ones do not each count from 2

    def give(self, wanted: str) -> str:
        name, number = wanted, self._next.get(wanted, 2)
        while name in self._given:
            name, number = f"{wanted}{self._joint}{number}", number + 1
        self._next[wanted] = number
        self._given.add(name)
        return name
