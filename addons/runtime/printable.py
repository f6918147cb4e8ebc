"""Foreign text, made safe for a line of the log or a flow's comment."""

_MAX_LENGTH = 500


def printable(text: str, max_length: int = _MAX_LENGTH) -> str:
    """The text in one line, cut at `max_length`: control and direction characters are replaced by escape sequences."""
    shown = text[:max_length]
    if not shown.isprintable():
        shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)
    return shown if len(text) <= max_length and len(shown) <= max_length else f"{shown[: max_length - 3]}..."
