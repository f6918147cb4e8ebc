"""mitmweb's page: which flow is selected in it, and how another one gets selected.

The page does not tell mitmproxy which flow is selected, and no message selects one. So the selected flow is taken to be
the one whose body was requested last, and another one is selected by removing the first from the page's list.
"""

from typing import Any, Literal

from mitmproxy import ctx
from mitmproxy.addons.view import View
from mitmproxy.flow import Flow


def focus_on(flow: Flow) -> None:
    """Gives the focus (`@focus` in commands) to the flow whose body is shown; without this it is the first flow."""
    view = _view()
    if view is not None and view.focus.flow is not flow and flow in view:
        view.focus.flow = flow


def select_other(selected: Flow, other: Flow) -> None:
    """Selects `other` in pages where `selected` is selected. Does nothing outside mitmweb."""
    if _view() is None:
        return
    # When the selected flow is removed, a page selects its neighbour: the filter leaves `other` alone beside it.
    # The reset brings back the whole list and the user's own filter.
    _broadcast("flows/filterUpdate", {"name": "search", "matching_flow_ids": [selected.id, other.id]})
    _broadcast("flows/remove", selected.id)
    _client_connection().broadcast_flow_reset()


def _view() -> View | None:
    """mitmweb's list of flows; None in mitmproxy's other programs."""
    master = getattr(ctx, "master", None)
    view: View | None = master.addons.get("view") if master and master.addons.get("webaddon") else None
    return view


def _broadcast(kind: Literal["flows/filterUpdate", "flows/remove"], payload: Any) -> None:
    _client_connection().broadcast(type=kind, payload=payload)


def _client_connection() -> Any:
    """mitmweb's class of connections to pages; its methods reach all of them."""
    from mitmproxy.tools.web.app import ClientConnection  # slow to import, and of use in mitmweb alone

    return ClientConnection
