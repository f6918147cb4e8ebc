"""Shows a request or a response as a readable conversation, wherever mitmproxy shows a body.

mitmweb, mitmproxy and mitmdump's `flow_detail` choose this view (`Turn`) by themselves for requests to a model's
endpoint, whoever sent them; all else is shown by mitmproxy's own views. What is known of the exchange stands above:
where it went, what was lost, how long it took.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from mitmproxy import contentviews, http
from mitmproxy.addonmanager import Loader
from mitmproxy.contentviews import Contentview, Metadata
from mitmproxy.flow import Flow

from addons.exchange.flow_metadata import SIDE, SPEC, TIMES, numbers
from addons.inspection import mitmweb
from addons.runtime import startup
from converters import jsontext
from converters.protocols import PROTOCOLS
from converters.rendering.readable import looks_readable, readable

_TYPES = ("application/json", "text/event-stream", "text/plain", None)
"""Content types of such messages; some upstreams send none, or a wrong one for a stream."""
WIDTH = 80
_EMPTY_LINE = re.compile(r"^(?=\n)", re.MULTILINE)
"""mitmweb gives an empty line no height."""


class Turn(Contentview):
    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Above JSON's 1 where it fits."""
        if metadata.flow is not None:
            mitmweb.focus_on(metadata.flow)
        is_ours = metadata.content_type in _TYPES and _is_for_model(metadata.flow)
        return 2 if is_ours and looks_readable(data, metadata.content_type or "") else -1

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        text = readable(data, metadata.content_type or "", is_running=_is_running(metadata))
        if text is None:  # it only looked readable
            return _as_json(data, metadata)
        head = "".join(f"{line}\n" for line in _exchange_lines(metadata))
        return _EMPTY_LINE.sub(" ", f"{head}\n{text}" if head else text)


def _as_json(data: bytes, metadata: Metadata) -> str:
    """mitmproxy shows raw what is no JSON. Deep nesting is not indented: a few kB of it would become 100 MB."""
    try:
        jsontext.loads(data)
    except jsontext.TooDeep as error:
        return f"{error.place or 'the body'}: {error}\n\n{data.decode('utf-8', 'replace')}"
    except ValueError:
        pass
    return contentviews.registry["json"].prettify(data, metadata)


def _is_for_model(flow: Flow | None) -> bool:
    if not isinstance(flow, http.HTTPFlow):
        return False
    path = flow.request.path.partition("?")[0].rstrip("/")
    is_endpoint = any(protocol.is_at(path) for protocol in PROTOCOLS.values())
    return SIDE in flow.metadata or (flow.request.method == "POST" and is_endpoint)


def _is_running(metadata: Metadata) -> bool:
    """Whether more of this response is still to come; `live_bodies` brings what there is of it."""
    flow = metadata.flow
    return isinstance(flow, http.HTTPFlow) and metadata.http_message is flow.response and bool(flow.live)


# --- what is known of the exchange ---


def _exchange_lines(metadata: Metadata) -> Iterator[str]:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow) or SIDE not in flow.metadata:
        return
    yield from textwrap.wrap(flow.comment, WIDTH)
    if metadata.http_message is flow.request:
        yield from dialect_lines(_dialect_flags(flow.metadata.get(SPEC)))
    else:
        yield from timing_lines(numbers(flow.metadata.get(TIMES)))


def _dialect_flags(route: object) -> object:
    try:
        fields = jsontext.loads(route) if isinstance(route, str) else {}
    except ValueError:
        return None
    return fields.get("dialect") if isinstance(fields, dict) else None


def dialect_lines(flags: object) -> Iterator[str]:
    """How the provider departs from its protocol, which explains what the request looks like."""
    if isinstance(flags, dict) and flags:
        text = " · ".join(f"{flag} {jsontext.dumps(value).decode().strip('"')}" for flag, value in flags.items())
        yield from textwrap.wrap(f"dialect: {text}", WIDTH)


def timing_lines(times: Sequence[int]) -> Iterator[str]:
    """`times` are milliseconds from the attempt's start to each piece of the response."""
    if not times:
        return
    pauses = [after - before for before, after in pairwise(times)]
    parts = [f"first after {_duration(times[0])}", f"last after {_duration(times[-1])}"]
    if pauses:
        parts.append(f"longest pause {_duration(max(pauses))}")
    yield f"{len(times):,} pieces: {', '.join(parts)}"


def _duration(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


TURN = Turn()


class TurnView:
    """Registers the view. Not called `View`: mitmproxy names addons by their class, and has a `view` already."""

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        # Where the script is loaded again, the view is still registered.
        if contentviews.registry.get(TURN.name.lower()) is not TURN:
            contentviews.add(TURN)
