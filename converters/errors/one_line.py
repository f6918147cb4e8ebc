"""Anybody's text as one line that a terminal, a log and Codex can show."""

import html

MOST = 1000
"""Characters; a person reads no more of an error."""

_WORDLESS = ("script", "style")


def one_line(text: str, most: int = MOST) -> str:
    """The text without line breaks, control and formatting characters; what is longer than `most` is cut."""
    head = text[: 4 * most]
    words = " ".join("".join(c if c.isprintable() else " " for c in head).split())
    if len(words) <= most and len(head) == len(text):
        return words
    return words[: most - 2].rstrip() + " …"


def few_lines(text: str) -> str:
    """Our own words, which may hold a client's: their lines and indents stay, as far as a person reads them."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text[: 4 * MOST])


def page_words(text: str) -> str:
    """The words of an HTML or XML page; any other text as it is.

    Each search goes on where the last one ended, so that it is one walk over the text, whatever it holds.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        return text
    small = text.encode("utf-8", "replace").lower().decode()  # only ASCII: all characters stay in their places
    words: list[str] = []
    at = 0
    while (tag := text.find("<", at)) >= 0:
        words.append(text[at:tag])
        if (end := _end_of_tag(small, tag)) < 0:
            break
        at = end + 1
    else:
        words.append(text[at:])
    # Far fewer digits than Python makes a number of.
    return html.unescape(" ".join(words)[: 4 * MOST])


def _end_of_tag(text: str, tag: int) -> int:
    """Where a tag ends, with all that it keeps to itself if it is a script or a style; -1 if it does not."""
    end = text.find(">", tag)
    name = next((name for name in _WORDLESS if text.startswith(name, tag + 1)), None)
    if name is not None and end >= 0:
        end = text.find(f"</{name}", end)
        end = text.find(">", end) if end >= 0 else end
    return end
