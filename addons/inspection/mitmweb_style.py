"""A style sheet for mitmweb's page: wide comments in the list, bodies below long headers, results of commands.

mitmweb has no options for these, so the sheet is put into the page that it renders. If a later mitmweb renders another
page, it just keeps mitmweb's own look.
"""

from mitmproxy import ctx
from tornado.httputil import HTTPHeaders
from tornado.web import OutputTransform

STYLE = """
.flow-table .col-comment { width: 45% }
.flow-table td.col-comment { text-align: left }
.flow-detail .kv-editor.headers { max-height: 8em; overflow-y: auto }
.command-result { height: auto; min-height: 110px; max-height: 30vh }
.flow-detail .contentview pre { white-space: pre-wrap; overflow-wrap: anywhere }
"""
_HEAD_END = b"</head>"


class _AddStyle(OutputTransform):
    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if finishing and headers.get("Content-Type", "").startswith("text/html"):
            chunk = chunk.replace(_HEAD_END, f"<style>{STYLE}</style>".encode() + _HEAD_END, 1)
            headers["Content-Length"] = str(len(chunk))
        return status_code, headers, chunk


class MitmwebStyle:
    def running(self) -> None:
        app = getattr(ctx.master, "app", None)  # only mitmweb has one
        if app is not None and _AddStyle not in app.transforms:
            app.add_transform(_AddStyle)
