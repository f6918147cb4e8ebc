"""Limits how many exchanges stay in mitmweb's and mitmproxy's list, and how much memory they take.

mitmproxy keeps all flows for ever. Here the oldest exchanges are removed, the client's flow and its attempts together,
when there are more than `keep_exchanges` or when they take more than `keep_mb`. Exchanges that still run, are
intercepted or are marked by the user are kept and do not count. Bodies of finished exchanges are kept compressed
(`packed_bodies`). The work at the end of an exchange does not grow with the number of flows in the list.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow

from addons.exchange.flow_metadata import EXCHANGE, is_attempt
from addons.inspection import packed_bodies
from addons.inspection.annotations import MARKERS
from addons.runtime import startup

_FLOW_OVERHEAD_BYTES = 8 << 10  # about what a flow takes beside its bodies


@dataclass(eq=False)
class _Exchange:
    id: str
    flows: list[http.HTTPFlow] = field(default_factory=list)
    is_own: bool = False
    """Went through this proxy. Those loaded from a file are never removed."""
    counted_bytes: int = 0
    """What the total of bytes contains of it."""

    @property
    def must_stay(self) -> bool:
        return any(flow.live or flow.intercepted or flow.marked not in MARKERS for flow in self.flows)

    def messages(self) -> Iterator[http.Message]:
        yield from (message for flow in self.flows for message in (flow.request, flow.response) if message)

    def size(self) -> int:
        """Bytes in memory."""
        return sum(map(packed_bodies.size, self.messages())) + len(self.flows) * _FLOW_OVERHEAD_BYTES


class FlowRetention:
    def __init__(self) -> None:
        self._view: View | None = None
        self._exchanges: dict[str, _Exchange] = {}
        """All that have flows in the list, by exchange id."""
        self._by_flow_id: dict[str, _Exchange] = {}
        self._finished: OrderedDict[str, _Exchange] = OrderedDict()
        """Those that may be removed, in the order in which they ended."""
        self._protected: deque[_Exchange] = deque()
        """Those whose turn to be removed came while they were marked or held; one is checked again at each end."""
        self._finished_bytes = 0
        self._to_pack: asyncio.Queue[_Exchange] = asyncio.Queue()
        self._packer: asyncio.Task[None] | None = None

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option(
            "keep_exchanges", int, 1000, "Most exchanges in mitmweb's list; the oldest are removed. 0: no limit."
        )
        loader.add_option("keep_mb", int, 512, "Most MiB that exchanges in mitmweb's list take in memory. 0: no limit.")

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        for name in updated & {"keep_exchanges", "keep_mb"}:
            if getattr(ctx.options, name) < 0:
                raise exceptions.OptionsError(f"{name}: must not be negative; 0 is no limit")

    def running(self) -> None:
        view: View | None = ctx.master.addons.get("view")
        if view is not None:
            self.watch(view)
            self._packer = asyncio.get_running_loop().create_task(self._pack_finished())

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
        exchange = self._exchanges.get(exchange_id)
        return tuple(exchange.flows) if exchange else ()

    # --- flows are added, exchanges end ---

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if self._view is not None:
            self._added(flow)  # the view does not signal flows that its filter hides
            self._by_flow_id[flow.id].is_own |= flow.live

    def _added(self, flow: Flow) -> None:
        """Also called for flows that are in the list: a duplicate that is replayed becomes an exchange of its own."""
        if not isinstance(flow, http.HTTPFlow):
            return
        exchange_id = str(flow.metadata.get(EXCHANGE, flow.id))
        before = self._by_flow_id.get(flow.id)
        if before is None or before.id != exchange_id:
            self._removed(flow)
            exchange = self._by_flow_id[flow.id] = self._exchanges.setdefault(exchange_id, _Exchange(exchange_id))
            exchange.flows.append(flow)
            exchange.is_own |= before is not None and before.is_own

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.id not in self._by_flow_id:
            return
        self._added(flow)
        exchange = self._by_flow_id[flow.id]
        if exchange.is_own and not is_attempt(flow):
            self._make_room()
            self._count(exchange)
            self._to_pack.put_nowait(exchange)

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)

    def _count(self, exchange: _Exchange) -> None:
        size = exchange.size()
        self._finished_bytes += size - exchange.counted_bytes
        exchange.counted_bytes = size
        self._finished[exchange.id] = exchange

    # --- exchanges are removed ---

    def _make_room(self) -> None:
        """For one more exchange."""
        self._check_protected()
        while self._finished and self._is_full():
            _, oldest = self._finished.popitem(last=False)
            self._finished_bytes -= oldest.counted_bytes
            oldest.counted_bytes = 0
            if oldest.must_stay:
                self._protected.append(oldest)
            else:
                self._remove(oldest)

    def _check_protected(self) -> None:
        if not self._protected:
            return
        exchange = self._protected.popleft()
        if exchange.must_stay:
            self._protected.append(exchange)
        elif exchange.flows and exchange.id not in self._finished:
            self._count(exchange)
            self._finished.move_to_end(exchange.id, last=False)

    def _is_full(self) -> bool:
        most: int = ctx.options.keep_exchanges
        most_bytes: int = ctx.options.keep_mb << 20
        return 0 < most <= len(self._finished) or 0 < most_bytes < self._finished_bytes

    def _remove(self, exchange: _Exchange) -> None:
        assert self._view is not None
        for flow in exchange.flows.copy():
            self._view.remove([flow])  # the view logs a line when several are removed at once

    def _removed(self, flow: Flow) -> None:
        if (exchange := self._by_flow_id.pop(flow.id, None)) is None:
            return
        exchange.flows = [other for other in exchange.flows if other is not flow]
        if not exchange.flows:
            del self._exchanges[exchange.id]
            if self._finished.pop(exchange.id, None) is not None:
                self._finished_bytes -= exchange.counted_bytes

    def _refreshed(self) -> None:
        """The user cleared the list."""
        assert self._view is not None
        for exchange in list(self._exchanges.values()):
            for flow in [flow for flow in exchange.flows if self._view.get_by_id(flow.id) is None]:
                self._removed(flow)

    # --- bodies are compressed ---

    async def _pack_finished(self) -> None:
        while True:
            exchange = await self._to_pack.get()
            messages = [message for message in exchange.messages() if packed_bodies.is_worth_it(message)]
            bodies = [message.raw_content or b"" for message in messages]
            compressed = await asyncio.to_thread(lambda bodies: list(map(packed_bodies.compressed, bodies)), bodies)
            for message, body, compressed_body in zip(messages, bodies, compressed, strict=True):
                packed_bodies.pack(message, body, compressed_body)
            if exchange.id in self._finished:
                self._count(exchange)
            del exchange, messages, bodies, compressed  # else they were kept until the next exchange ends
