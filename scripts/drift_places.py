"""What requests are made of, as a set of places: enough to compare two versions of Codex, and no content.

POST /v1/responses?                          an endpoint, with the names in its query
header x-codex-window-id                     a header
header accept=text/event-stream              ... with its value, where the value is one of a few words
input[message].content[input_text].text      a key; what stands in brackets is the `type` of a list's entry
input[message].role=developer                a value that is one of a few words
tools[function].name=exec_command            a tool's name; in a namespace `probe/add_up`
tool exec_command(cmd)                       a tool's parameter
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

type Json = dict[str, Any]

_WORDS = {
    *("type", "role", "phase", "status", "detail", "execution", "syntax", "strict", "defer_loading"),
    *("tool_choice", "parallel_tool_calls", "stream", "store", "include", "service_tier"),
    *("effort", "summary", "context", "verbosity"),
    *("request_kind", "thread_source", "subagent_kind", "turn_trigger", "external_web_access"),
}
"""Keys whose values are words of the protocol."""

_WORDY_HEADERS = {"accept", "content-type", "content-encoding", "originator", "upgrade", "version"}
_WORDY_HEADER = re.compile(r"x-openai-(?!.*(?:id|trace))|x-codex-beta-features")

_CLOSED = {"parameters", "schema", "definition", "arguments", "metadata"}
"""Keys whose insides are a tool's or the user's own, not the protocol's."""

_KEY = re.compile(r"[A-Za-z_][\w.-]{0,60}")
"""Others are data: a folder's path, an id."""


@dataclass(frozen=True)
class RecordedRequest:
    """One request of Codex as it came to the proxy; `body` is None where there was none."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: Json | None

    @property
    def endpoint(self) -> str:
        return f"{self.method} {urlsplit(self.path).path}"


def places(request: RecordedRequest) -> Iterator[str]:
    query = "&".join(sorted(name for name, _ in parse_qsl(urlsplit(request.path).query)))
    yield f"{request.endpoint}{'?' if query else ''}{query}"
    for name, value in request.headers:
        yield from _header(name.lower(), value)
    yield from _object(request.body or {}, "")


def _header(name: str, value: str) -> Iterator[str]:
    yield f"header {name}"
    if name in _WORDY_HEADERS or _WORDY_HEADER.match(name):
        yield f"header {name}={value}"
    if value.startswith("{"):
        yield from _object(json.loads(value), f"header {name}")


def _object(value: Json, path: str) -> Iterator[str]:
    for key, inner in value.items():
        here = ".".join(filter(None, (path, key if _KEY.fullmatch(key) else "*")))
        if key == "type" and path.endswith("]"):
            continue  # the bracket says it
        if key == "tools" and isinstance(inner, list):
            yield here
            yield from _tools(inner, here, "")
        else:
            yield from _value(key, inner, here)


def _value(key: str, inner: Any, here: str) -> Iterator[str]:
    yield here if inner is not None else f"{here}=null"
    if key in _CLOSED:
        return
    match inner:
        case dict():
            yield from _object(inner, here)
        case list():
            for item in inner:
                yield from _entry(key, item, here)
        case str() | bool() if key in _WORDS:
            yield f"{here}={_word(inner)}"


def _entry(key: str, item: Any, here: str) -> Iterator[str]:
    if isinstance(item, dict):
        tagged = f"{here}[{item.get('type') or ('message' if 'role' in item else '')}]"
        yield tagged
        yield from _object(item, tagged)
    elif key in _WORDS:
        yield f"{here}[]={_word(item)}"


def _word(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _tools(tools: list[Json], here: str, namespace: str) -> Iterator[str]:
    for tool in tools:
        tagged, name = f"{here}[{tool.get('type', '')}]", namespace + str(tool.get("name", ""))
        yield tagged
        if name:
            yield f"{tagged}.name={name}"
        inside = {key: value for key, value in tool.items() if key != "tools"}
        yield from _object(inside, tagged)
        yield from _parameters(name or str(tool.get("type")), tool)
        yield from _tools(tool.get("tools") or [], f"{tagged}.tools", f"{name}/")


def _parameters(name: str, tool: Json) -> Iterator[str]:
    for parameter in (tool.get("parameters") or {}).get("properties") or {}:
        yield f"tool {name}({parameter})"


type Inventory = dict[str, list[str]]
"""place -> the sessions in which it was seen, in order."""


def inventory(sessions: dict[str, list[RecordedRequest]]) -> Inventory:
    found: Inventory = {}
    for name, requests in sessions.items():
        for place in {place for request in requests for place in places(request)}:
            found.setdefault(place, []).append(name)
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class Difference:
    """`gone` holds only what was seen in sessions that ran both times."""

    new: Inventory
    gone: Inventory


def compare(then: Inventory, now: Inventory, ran: Iterable[str]) -> Difference:
    """`ran`: the sessions that came to their end now."""
    both = set(ran)
    missing = {place: [name for name in names if name in both] for place, names in then.items() if place not in now}
    return Difference(
        new=_outermost({place: names for place, names in now.items() if place not in then}),
        gone=_outermost({place: names for place, names in missing.items() if names}),
    )


def _outermost(found: Inventory) -> Inventory:
    """Without the keys inside of what is listed itself; kinds and words stay, they say what it is."""
    return {place: names for place, names in found.items() if _tells(place) or not _inside(place, found)}


def _tells(place: str) -> bool:
    return "=" in place or place.endswith("]")


def _inside(place: str, found: Inventory) -> bool:
    return any(place[:end] in found for end, sign in enumerate(place) if sign in ".[")


_ALL_BUT = "all but "


def phrase(names: list[str], everything: list[str]) -> str:
    """Sessions in words: `all`, `all but lite`, `patch catalog`."""
    others = [name for name in everything if name not in names]
    if not others:
        return "all"
    return _ALL_BUT + " ".join(others) if len(others) < len(names) else " ".join(names)


def named(words: str, everything: list[str]) -> list[str]:
    """The sessions that `phrase` put into words."""
    if words == "all":
        return everything
    if words.startswith(_ALL_BUT):
        return [name for name in everything if name not in words.removeprefix(_ALL_BUT).split()]
    return words.split()
