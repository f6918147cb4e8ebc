"""Bodies of flows that are over, kept compressed.

A list of flows holds each body twice, as it was said and as it was converted, and most of them are never looked at.
They are JSON and event streams, which zstandard makes a fifth of for less than a flow's hooks cost. Whoever reads or
sets a packed body reads or sets the body: only its bytes in memory differ.
"""

from typing import Any

import zstandard
from mitmproxy import http
from mitmproxy.http import MessageData, RequestData, ResponseData

_WORTH_IT = 1 << 12  # bytes
_LEVEL = 1


class _Packed(MessageData):
    _content: bytes | None
    """Compressed; None and b"" are themselves."""

    @property  # mitmproxy has a field there
    def content(self) -> bytes | None:
        return zstandard.decompress(self._content) if self._content else self._content

    @content.setter
    def content(self, body: bytes | None) -> None:
        self._content = compressed(body) if body else body

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        del state["_content"]
        return state | {"content": self.content}


class PackedRequest(_Packed, RequestData):
    """A request's data."""


class PackedResponse(_Packed, ResponseData):
    """A response's data."""


_PACKED: dict[type[MessageData], type[_Packed]] = {RequestData: PackedRequest, ResponseData: PackedResponse}


def compressed(body: bytes) -> bytes:
    """Of any size; other threads run meanwhile."""
    return zstandard.compress(body, _LEVEL)


def is_worth_it(message: http.Message | None) -> bool:
    return message is not None and type(message.data) in _PACKED and len(message.raw_content or b"") >= _WORTH_IT


def pack(message: http.Message, body: bytes, small: bytes) -> None:
    """Has the message keep `small`, which is `body` compressed; does nothing if it has another body by now."""
    data = message.data
    if data.content is not body:
        return
    fields = vars(data) | {"content": None}
    message.data = _PACKED[type(data)](**fields)
    message.data._content = small


def size(message: http.Message | None) -> int:
    """Bytes that the body takes in memory."""
    if message is None:
        return 0
    body = message.data._content if isinstance(message.data, _Packed) else message.raw_content
    return len(body or b"")
