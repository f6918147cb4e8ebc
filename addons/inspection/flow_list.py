"""Which exchanges stay in mitmweb's and mitmproxy's list, and what the list costs.

mitmproxy keeps all flows for good. Here the oldest exchanges leave, both sides at once, when there are more than
`keep_exchanges` or when they hold more than `keep_mb`; what runs, is held in an intercept or is marked by the user
stays and does not count. Bodies of flows that are over are kept compressed (`packed`). Nothing here looks at all flows.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow

from addons.conversion import EXCHANGE, is_attempt
from addons.inspection import packed_bodies
from addons.sides import MARKERS

_A_FLOW = 8 << 10  # bytes that a flow costs beside its bodies, about


@dataclass(eq=False)
class _Exchange:
    id: str
    flows: list[http.HTTPFlow] = field(default_factory=list)
    happened_here: bool = False
    """Not loaded from a file, of which nothing is thrown away."""
    size: int = 0
    """Bytes in memory, as they were counted."""

    @property
    def must_stay(self) -> bool:
        return any(flow.live or flow.intercepted or flow.marked not in MARKERS for flow in self.flows)

    def messages(self) -> Iterator[http.Message]:
        yield from (message for flow in self.flows for message in (flow.request, flow.response) if message)

    def measured(self) -> int:
        return sum(map(packed_bodies.size, self.messages())) + len(self.flows) * _A_FLOW


class Retention:
    def __init__(self) -> None:
        self._view: View | None = None
        self._known: dict[str, _Exchange] = {}
        """All that have flows in the list."""
        self._of_flow: dict[str, _Exchange] = {}
        self._over: OrderedDict[str, _Exchange] = OrderedDict()
        """Those that may leave, in the order in which they ended."""
        self._stay: deque[_Exchange] = deque()
        """Those that would have left, but are marked or held: at each end one of them is looked at again."""
        self._bytes = 0
        """Of those that may leave."""
        self._packing: asyncio.Queue[_Exchange] = asyncio.Queue()
        self._packer: asyncio.Task[None] | None = None

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "keep_exchanges", int, 1000, "Most exchanges in mitmweb's list; the oldest leave. 0: no limit."
        )
        loader.add_option("keep_mb", int, 512, "Most MiB that exchanges in mitmweb's list take in memory. 0: no limit.")

    def configure(self, updated: set[str]) -> None:
        for name in updated & {"keep_exchanges", "keep_mb"}:
            if getattr(ctx.options, name) < 0:
                raise exceptions.OptionsError(f"{name}: must not be negative; 0 is no limit")

    def running(self) -> None:
        view: View | None = ctx.master.addons.get("view")
        if view is not None:
            self.watch(view)
            self._packer = asyncio.get_running_loop().create_task(self._pack_each())

    def watch(self, view: View) -> None:
        self._view = view
        view.sig_view_add.connect(self._added)
        view.sig_store_remove.connect(self._removed)
        view.sig_store_refresh.connect(self._refreshed)

    def done(self) -> None:
        if self._packer is not None:
            self._packer.cancel()

    def exchange(self, exchange_id: str) -> Sequence[http.HTTPFlow]:
        """The flows in the list that belong to an exchange, the client's and its attempts."""
        known = self._known.get(exchange_id)
        return tuple(known.flows) if known else ()

    # --- what comes ---

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._view is not None:
            self._added(flow)  # a filter may hide it from those who listen to the view
            self._of_flow[flow.id].happened_here |= flow.live

    def _added(self, flow: Flow) -> None:
        """Also called when a flow is in the list already: one that is duplicated and replayed changes its exchange."""
        if not isinstance(flow, http.HTTPFlow):
            return
        exchange_id = str(flow.metadata.get(EXCHANGE, flow.id))
        before = self._of_flow.get(flow.id)
        if before is None or before.id != exchange_id:
            self._removed(flow)
            known = self._of_flow[flow.id] = self._known.setdefault(exchange_id, _Exchange(exchange_id))
            known.flows.append(flow)
            known.happened_here |= before is not None and before.happened_here

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.id not in self._of_flow:
            return
        self._added(flow)
        known = self._of_flow[flow.id]
        if known.happened_here and not is_attempt(flow):
            self._leave_room()
            self._count(known)
            self._packing.put_nowait(known)

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)

    def _count(self, known: _Exchange) -> None:
        size = known.measured()
        self._bytes += size - known.size
        known.size = size
        self._over[known.id] = known

    # --- what goes ---

    def _leave_room(self) -> None:
        """For one more."""
        self._look_again()
        while self._over and self._is_full():
            _, oldest = self._over.popitem(last=False)
            self._bytes -= oldest.size
            oldest.size = 0
            if oldest.must_stay:
                self._stay.append(oldest)
            else:
                self._remove(oldest)

    def _look_again(self) -> None:
        if not self._stay:
            return
        again = self._stay.popleft()
        if again.must_stay:
            self._stay.append(again)
        elif again.flows and again.id not in self._over:
            self._count(again)
            self._over.move_to_end(again.id, last=False)

    def _is_full(self) -> bool:
        most: int = ctx.options.keep_exchanges
        most_bytes: int = ctx.options.keep_mb << 20
        return 0 < most <= len(self._over) or 0 < most_bytes < self._bytes

    def _remove(self, oldest: _Exchange) -> None:
        assert self._view is not None
        for flow in oldest.flows.copy():
            self._view.remove([flow])  # several at once it logs, each time

    def _removed(self, flow: Flow) -> None:
        if (known := self._of_flow.pop(flow.id, None)) is None:
            return
        known.flows = [one for one in known.flows if one is not flow]
        if not known.flows:
            del self._known[known.id]
            if self._over.pop(known.id, None) is not None:
                self._bytes -= known.size

    def _refreshed(self) -> None:
        """The user cleared the list."""
        assert self._view is not None
        for known in list(self._known.values()):
            for flow in [flow for flow in known.flows if self._view.get_by_id(flow.id) is None]:
                self._removed(flow)

    # --- what is kept ---

    async def _pack_each(self) -> None:
        while True:
            known = await self._packing.get()
            messages = [message for message in known.messages() if packed_bodies.is_worth_it(message)]
            bodies = [message.raw_content or b"" for message in messages]
            for message, body, small in zip(
                messages, bodies, await asyncio.to_thread(_compressed, bodies), strict=True
            ):
                packed_bodies.pack(message, body, small)
            if known.id in self._over:
                self._count(known)
            del known, messages, bodies  # until the next one comes


def _compressed(bodies: list[bytes]) -> list[bytes]:
    return [packed_bodies.compressed(body) for body in bodies]
