"""Shows a question or an answer as a readable conversation, wherever mitmproxy shows a body.

mitmweb, mitmproxy and mitmdump's `flow_detail` choose it by themselves (view `Turn`) for what was sent to a model's
endpoint, whoever sent it; everything else stays with the views that mitmproxy has. What is known of the exchange
stands above: where it went, what was lost, how long it took.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from mitmproxy import contentviews, http
from mitmproxy.addonmanager import Loader
from mitmproxy.contentviews import Contentview, Metadata

from addons.conversion import ROUTE, SIDE, TIMES, numbers
from addons.inspection import mitmweb
from converters import jsontext
from converters.protocols import PROTOCOLS
from converters.rendering.readable import looks_readable, readable

_TYPES = ("application/json", "text/event-stream", "text/plain", None)
"""Content types that such messages come with; some upstreams name none, or a wrong one for a stream."""
WIDTH = 80
_EMPTY_LINE = re.compile(r"^(?=\n)", re.MULTILINE)
"""mitmweb gives a line without anything in it no height."""


class Turn(Contentview):
    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Above JSON's 1, where it is at home; nowhere else."""
        if metadata.flow is not None:
            mitmweb.looked_at(metadata.flow)
        fits = metadata.content_type in _TYPES and _is_asked(metadata) and looks_readable(data, _content_type(metadata))
        return 2 if fits else -1

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        text = readable(data, _content_type(metadata), is_running=_is_running(metadata))
        if text is None:  # a guess that was wrong
            return _unread(data, metadata)
        head = "".join(f"{line}\n" for line in _head(metadata))
        return _EMPTY_LINE.sub(" ", f"{head}\n{text}" if head else text)


def _unread(data: bytes, metadata: Metadata) -> str:
    """As JSON; what is no JSON either mitmproxy shows raw. Indented, a few kB of deep nesting would be 100 MB."""
    try:
        jsontext.loads(data)
    except jsontext.TooDeep as error:
        return f"{error.place or 'the body'}: {error}\n\n{data.decode('utf-8', 'replace')}"
    except ValueError:
        pass
    return contentviews.registry["json"].prettify(data, metadata)


def _is_asked(metadata: Metadata) -> bool:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return False
    path = flow.request.path.partition("?")[0].rstrip("/")
    is_endpoint = any(protocol.is_at(path) for protocol in PROTOCOLS.values())
    return SIDE in flow.metadata or (flow.request.method == "POST" and is_endpoint)


def _content_type(metadata: Metadata) -> str:
    return metadata.content_type or ""


def _is_running(metadata: Metadata) -> bool:
    """Whether this is an answer of which more is to come: what there is of it see `live_bodies`."""
    flow = metadata.flow
    return isinstance(flow, http.HTTPFlow) and metadata.http_message is flow.response and bool(flow.live)


# --- what is known beside the message ---


def _head(metadata: Metadata) -> Iterator[str]:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow) or SIDE not in flow.metadata:
        return
    yield from textwrap.wrap(flow.comment, WIDTH)
    if metadata.http_message is flow.request:
        yield from dialect(_flags(flow.metadata.get(ROUTE)))
    else:
        yield from timing(numbers(flow.metadata.get(TIMES)))


def _flags(route: object) -> object:
    try:
        known = jsontext.loads(route) if isinstance(route, str) else {}
    except ValueError:
        return None
    return known.get("dialect") if isinstance(known, dict) else None


def dialect(flags: object) -> Iterator[str]:
    """How a provider departs from its protocol: it explains what the request looks like."""
    if isinstance(flags, dict) and flags:
        words = " · ".join(f"{flag} {jsontext.dumps(value).decode().strip('"')}" for flag, value in flags.items())
        yield from textwrap.wrap(f"dialect: {words}", WIDTH)


def timing(times: Sequence[int]) -> Iterator[str]:
    """`times` are milliseconds from the attempt's start to each piece of the answer."""
    if not times:
        return
    pauses = [after - before for before, after in pairwise(times)]
    words = [f"first after {_duration(times[0])}", f"last after {_duration(times[-1])}"]
    if pauses:
        words.append(f"longest pause {_duration(max(pauses))}")
    yield f"{len(times):,} pieces: {', '.join(words)}"


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


TURN = Turn()


class TurnView:
    """Not `View`: mitmproxy knows addons by the names of their classes, and has a `view` of its own."""

    def load(self, loader: Loader) -> None:
        # A script that is loaded again finds the view still there.
        if contentviews.registry.get(TURN.name.lower()) is not TURN:
            contentviews.add(TURN)
