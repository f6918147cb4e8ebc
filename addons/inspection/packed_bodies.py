"""Keeps the bodies of finished flows compressed in memory.

A list of flows holds each body twice, before and after conversion, and most are never looked at. They are JSON and
event streams, which zstandard reduces to a fifth for less than a flow's hooks cost. Packing is invisible: reading or
setting the body of a packed message works as before.
"""

from typing import Any

import zstandard
from mitmproxy import http
from mitmproxy.http import MessageData, RequestData, ResponseData

_SMALLEST_BYTES = 1 << 12
_COMPRESSION_LEVEL = 1


class _PackedData(MessageData):
    _content: bytes | None
    """Compressed, unless it is None or empty."""

    @property  # a field in mitmproxy's class
    def content(self) -> bytes | None:
        return zstandard.decompress(self._content) if self._content else self._content

    @content.setter
    def content(self, body: bytes | None) -> None:
        self._content = compressed(body) if body else body

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        del state["_content"]
        return state | {"content": self.content}


class PackedRequest(_PackedData, RequestData):
    """A request's fields, with a packed body."""


class PackedResponse(_PackedData, ResponseData):
    """A response's fields, with a packed body."""


_PACKED_TYPES: dict[type[MessageData], type[_PackedData]] = {RequestData: PackedRequest, ResponseData: PackedResponse}


def compressed(body: bytes) -> bytes:
    """Releases the GIL, so it may run in a thread."""
    return zstandard.compress(body, _COMPRESSION_LEVEL)


def is_worth_it(message: http.Message | None) -> bool:
    return (
        message is not None
        and type(message.data) in _PACKED_TYPES
        and len(message.raw_content or b"") >= _SMALLEST_BYTES
    )


def pack(message: http.Message, body: bytes, compressed_body: bytes) -> None:
    """Replaces a message's body by its compressed form; does nothing if the message has another body by now."""
    data = message.data
    if data.content is not body:
        return
    fields = vars(data) | {"content": None}
    message.data = _PACKED_TYPES[type(data)](**fields)
    message.data._content = compressed_body


def size(message: http.Message | None) -> int:
    """Bytes that the body takes in memory."""
    if message is None:
        return 0
    body = message.data._content if isinstance(message.data, _PackedData) else message.raw_content
    return len(body or b"")
