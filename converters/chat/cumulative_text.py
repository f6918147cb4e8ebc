"""A text whose deltas may each hold the whole text so far."""


class CumulativeText:
    """What is new in each delta; a delta that does not begin with the text so far is a plain piece.

    The pieces are joined only for a delta that is as long as all of them: joining for each plain delta would be
    quadratic.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0

    def new(self, delta: str) -> str:
        if len(delta) >= self._length:
            so_far = "".join(self._pieces)
            if delta.startswith(so_far):
                self._pieces, self._length = [delta], len(delta)
                return delta[len(so_far) :]
            self._pieces = [so_far]
        self._pieces.append(delta)
        self._length += len(delta)
        return delta
