"""mitmweb's page selects flows, and the focus follows the page. `tests/e2e/test_mitmweb.py` has a real page."""

import json
from collections.abc import Iterator

import pytest
from mitmproxy import contentviews, flowfilter, http
from mitmproxy.addons.view import View
from mitmproxy.test import taddons, tflow
from mitmproxy.tools.web.app import ClientConnection

from addons.inspection import mitmweb
from addons.inspection.content_view import TurnView


class Webaddon:
    """mitmweb is recognized by the name of this addon."""


class Page(ClientConnection):
    """A page that only records its messages, and searches for `~u other`."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, object]] = []
        self.filters = {"search": flowfilter.parse("~u other")}

    def send(self, message: bytes) -> None:
        fields = json.loads(message)
        self.messages.append((fields["type"], fields.get("payload")))

    def update_filter(self, name: str, expr: str) -> None:
        self.messages.append((name, expr))


@pytest.fixture
def page() -> Iterator[Page]:
    page = Page()
    ClientConnection.connections.add(page)
    yield page
    ClientConnection.connections.remove(page)


def two_flows() -> tuple[http.HTTPFlow, http.HTTPFlow]:
    return tflow.tflow(resp=True), tflow.tflow(resp=True)


@pytest.mark.parametrize("where", ["mitmweb", "elsewhere"])
def test_in_mitmweb_the_flow_that_is_looked_at_has_the_focus(where: str) -> None:
    (first, second), view = two_flows(), View()
    with taddons.context(TurnView(), view, *([Webaddon()] if where == "mitmweb" else [])):
        view.add([first, second])
        assert second.response is not None
        contentviews.prettify_message(second.response, second)
        assert view.focus.flow is (second if where == "mitmweb" else first)


def test_a_flow_that_is_not_in_the_list_takes_no_focus() -> None:
    flow, view = tflow.tflow(), View()
    with taddons.context(TurnView(), view, Webaddon()):
        contentviews.prettify_message(flow.request, flow)
        assert view.focus.flow is None


def test_a_page_is_led_from_one_flow_to_another_and_keeps_its_filter(page: Page) -> None:
    selected, other = two_flows()
    with taddons.context(View(), Webaddon()):
        mitmweb.select_other(selected, other)
    assert page.messages == [
        ("flows/filterUpdate", {"name": "search", "matching_flow_ids": [selected.id, other.id]}),
        ("flows/remove", selected.id),
        ("flows/reset", None),
        ("search", "~u other"),
    ]


def test_elsewhere_no_page_is_told_anything(page: Page) -> None:
    with taddons.context(View()):
        mitmweb.select_other(*two_flows())
    assert page.messages == []
