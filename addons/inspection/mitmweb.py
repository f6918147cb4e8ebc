"""mitmweb's page: which flow is looked at, and how it is made to show another one.

The page does not tell mitmproxy what is selected in it, and there is no message that selects. So the flow that is
looked at is the one whose body the page has asked for last, and the page is led to another by what it does of itself.
"""

from typing import Any, Literal

from mitmproxy import ctx
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow


def looked_at(flow: Flow) -> None:
    """Gives the focus to the flow whose body is shown: commands mean it by `@focus`, mitmproxy would take the first."""
    view = _view()
    if view is not None and view.focus.flow is not flow and flow in view:
        view.focus.flow = flow


def lead(here: Flow, there: Flow) -> None:
    """Selects `there` in pages where `here` is selected. Nothing happens where there is no page."""
    if _view() is None:
        return
    # When the selected flow goes, the page takes the one beside it: for a moment, it knows of no other than `there`.
    # The reset brings back the whole list and the user's own filter.
    _tell("flows/filterUpdate", {"name": "search", "matching_flow_ids": [here.id, there.id]})
    _tell("flows/remove", here.id)
    _pages().broadcast_flow_reset()


def _view() -> View | None:
    """mitmweb's list of flows; None in mitmproxy's other programs."""
    master = getattr(ctx, "master", None)
    view: View | None = master.addons.get("view") if master and master.addons.get("webaddon") else None
    return view


def _tell(kind: Literal["flows/filterUpdate", "flows/remove"], payload: Any) -> None:
    _pages().broadcast(type=kind, payload=payload)


def _pages() -> Any:
    from mitmproxy.tools.web.app import ClientConnection  # only mitmweb pays for loading it

    return ClientConnection
