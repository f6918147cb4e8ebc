"""mitmweb's own page, served by its own application."""

import re

from mitmproxy.addons import view
from mitmproxy.test import taddons
from mitmproxy.tools.web import app as web
from mitmproxy.tools.web.webaddons import WebAddon, WebAuth
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from addons.inspection.mitmweb_style import STYLE, MitmwebStyle


async def page_of(master: object) -> tuple[str, int]:
    """The page as a browser gets it from mitmweb's application, and its Content-Length."""
    application = web.Application(master, debug=False)  # type: ignore[arg-type]
    master.app = application  # type: ignore[attr-defined]
    MitmwebStyle().running()
    MitmwebStyle().running()  # as a script that is loaded again
    socket, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_socket(socket)
    try:
        response = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/?token=let-me-in")
        return response.body.decode(), int(response.headers["Content-Length"])
    finally:
        server.stop()


async def test_the_page_has_our_styles_once_and_at_its_right_length() -> None:
    with taddons.context(view.View(), WebAddon(), WebAuth()) as context:
        context.options.update(web_password="let-me-in")
        text, length = await page_of(context.master)
    assert text.count(STYLE) == 1
    assert re.search(r"</style></head>", text)
    assert length == len(text.encode())


def test_programs_without_a_page_are_left_alone() -> None:
    with taddons.context():
        MitmwebStyle().running()
