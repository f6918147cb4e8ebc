"""Secrets of HTTP headers, kept out of flows: a flow shows a placeholder, the wire gets the value.

A flow is what mitmweb shows, what is saved and what a crash leaves behind. So the layer takes credentials and cookies
out of each message before any addon sees its flow, and puts them into a copy of the message as it is sent. A header
that a user has edited meanwhile is sent as edited.
"""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

from mitmproxy import http

PLACEHOLDER = "<withheld>"

SECRET = frozenset(
    (
        *("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "x-transcodex-token"),
        *("cookie", "set-cookie", "chatgpt-account-id", "openai-organization", "openai-project"),
    )
)
"""Names of headers whose values say who somebody is, or let others be them."""

type Held = Mapping[str, list[str]]
"""A header's name, in lower case -> its values."""

NOTHING: Held = {}

_of_flow: WeakKeyDictionary[http.HTTPFlow, Held] = WeakKeyDictionary()


def take(headers: http.Headers) -> Held:
    """Takes the secrets out of the headers, and leaves a placeholder for each value."""
    names = {name.lower() for name in headers} & SECRET
    held = {name: headers.get_all(name) for name in names}
    for name, values in held.items():
        headers.set_all(name, [_hidden(value) for value in values])
    return held


def restored[M: (http.Request, http.Response)](message: M, held: Held) -> M:
    """The message for the wire. What is no longer a placeholder, or no longer there, stays so."""
    message = message.copy()
    for name, values in held.items():
        shown = message.headers.get_all(name)
        if shown == [_hidden(value) for value in values]:
            message.headers.set_all(name, values)
    return message


def _hidden(value: str) -> str:
    """`Bearer <withheld>`: the scheme is no secret."""
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {PLACEHOLDER}" if space and scheme.isalpha() else PLACEHOLDER


def keep(flow: http.HTTPFlow, held: Held) -> None:
    """Remembers what was taken from the request of a client's flow, for as long as there is the flow."""
    if held:
        _of_flow[flow] = held


def credential(flow: http.HTTPFlow, name: str) -> str:
    """What the client really sent in a header; "" if nothing."""
    held = _of_flow.get(flow, NOTHING)
    return held[name][0] if name in held else flow.request.headers.get(name, "")


def credentials(flow: http.HTTPFlow) -> dict[str, str]:
    """All that was taken from the client's request and is still meant to be sent."""
    return {name: values[0] for name, values in _of_flow.get(flow, NOTHING).items() if name in flow.request.headers}
