"""mitmweb's page with room for what matters here: comments in the list, bodies below long headers, commands' answers.

mitmweb has no options for these. It renders one page, into which a style sheet goes; were that page another one day,
nothing would happen but that it looks as mitmweb made it.
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
_END_OF_HEAD = b"</head>"


class _Styled(OutputTransform):
    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if finishing and headers.get("Content-Type", "").startswith("text/html"):
            chunk = chunk.replace(_END_OF_HEAD, f"<style>{STYLE}</style>".encode() + _END_OF_HEAD, 1)
            headers["Content-Length"] = str(len(chunk))
        return status_code, headers, chunk


class PageStyle:
    def running(self) -> None:
        app = getattr(ctx.master, "app", None)  # mitmweb alone has one
        if app is not None and _Styled not in app.transforms:
            app.add_transform(_Styled)
