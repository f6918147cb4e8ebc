"""The contents of a message, of any protocol, as text.

| part                                                        | shown as                                           |
|-------------------------------------------------------------|----------------------------------------------------|
| text of any kind, a refusal                                 | the text                                           |
| image, audio, file, document: with its data                 | `[image png 12 kB]`, `[file notes.pdf 40 kB]`      |
| the same by address or id                                   | `[image https://...]`                              |
| encrypted content, a signature                              | `[our seal: chat, 1 kB]`, `[encrypted, 3 kB]`      |
| any other                                                   | its JSON in short                                  |
"""

from collections.abc import Iterator
from typing import Any

from converters import jsontext, seal
from converters.jsontext import Json
from converters.rendering.layout import compact, glance, size

_TEXTS = ("text", "refusal", "thinking")
_THINGS = {"image": "image", "audio": "audio", "file": "file", "document": "file", "video": "video"}
_BASE64 = 3 / 4
_LONGEST_TO_PARSE = 200_000


def text_of(content: Any) -> str:
    """A whole content: a text, a list of parts, or one of them."""
    match content:
        case None:
            return ""
        case str():
            return content
        case list():
            return "\n".join(filter(None, map(part, content)))
        case _:
            return part(content)


def part(value: Any) -> str:
    if not isinstance(value, dict):
        return "" if value is None else compact(value)
    for key in _TEXTS:
        if isinstance(text := value.get(key), str):
            return text
    if isinstance(secret := value.get("encrypted_content"), str):
        return sealed(secret)
    kind = str(value.get("type"))
    for mark, name in _THINGS.items():
        if mark in kind:
            return f"[{name} {_thing(kind, value)}]"
    return glance(compact(value), 300)


def sealed(secret: str) -> str:
    """What is shown of opaque state: whose it is, and how big."""
    if not seal.is_ours(secret):
        return f"[encrypted, {size(len(secret))}]"
    family = secret.removeprefix(seal.PREFIX).partition(".")[0]
    return f"[our seal: {glance(family, 20)}, {size(len(secret))}]"


def _thing(kind: str, value: Json) -> str:
    """What is known of an image, a file and so on, its bytes left out."""
    inner = value.get("source") or value.get(kind) or value
    if not isinstance(inner, dict):
        inner = value
    name = value.get("filename") or inner.get("filename") or value.get("title") or ""
    return " ".join(word for word in (glance(str(name), 60), *_where(inner)) if word) or "without data"


def _where(inner: Json) -> Iterator[str]:
    for key in ("image_url", "url", "file_url", "video_url", "file_data", "data", "file_id", "text"):
        found = inner.get(key)
        found = found.get("url") if isinstance(found, dict) else found
        if isinstance(found, str) and found:
            yield _address(found, str(inner.get("media_type") or inner.get("format") or ""), key)
            return


def _address(found: str, media_type: str, key: str) -> str:
    if found.startswith("data:"):
        head, _, _ = found[:100].partition(",")
        media_type = head.removeprefix("data:").partition(";")[0]
    elif key not in ("file_data", "data"):
        return glance(found, 80)
    return f"{media_type.rpartition('/')[2]} {size(int(len(found) * _BASE64))}".strip()


def arguments(text: str) -> str:
    """A call's arguments: a line for each, texts of several lines as they are. Anything but an object stays as it is.

    The one argument of a freeform tool is its input.
    """
    try:
        value = jsontext.loads(text) if len(text) <= _LONGEST_TO_PARSE else None
    except ValueError:
        return text
    if not isinstance(value, dict):
        return text
    if len(value) == 1 and isinstance(alone := value.get("input"), str):
        return alone
    return "\n".join(f"{key}: {_argument(argument)}" for key, argument in value.items())


def _argument(value: Any) -> str:
    text = compact(value)
    return "\n" + "\n".join(f"    {line}" for line in text.split("\n")) if "\n" in text.rstrip("\n") else text.rstrip()
