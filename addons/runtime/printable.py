"""Text that somebody else chose, for a line of the log or a comment."""

_MOST = 500


def printable(text: str, most: int = _MOST) -> str:
    """The text in one line that a terminal shows as it is: what controls one, or turns its direction, is spelled out.

    No more than `most` characters; the end is cut.
    """
    shown = text[:most]
    if not shown.isprintable():
        shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in shown)
    return shown if len(text) <= most and len(shown) <= most else f"{shown[: most - 3]}..."
