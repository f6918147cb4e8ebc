"""A message's types are checked without leaving anything behind."""

import gc

import pytest
from mitmproxy import http

from addons import layer


@pytest.fixture(autouse=True)
def installed() -> None:
    layer.install()


def test_a_message_leaves_nothing_for_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            http.Request.make("POST", "http://host/path", b"x", {"a": "b"})
            http.Response.make(200, b"x", {"a": "b"})
        assert gc.collect() < 100, "less than one for each; threads of other tests may leave something"
    finally:
        gc.enable()


def test_a_wrong_type_is_refused_in_mitmproxy_s_words() -> None:
    with pytest.raises(TypeError, match="for port"):
        http.Request("host", "80", b"GET", b"http", b"", b"/", b"HTTP/1.1", http.Headers(), b"", None, 0, 0)  # type: ignore[arg-type]


def test_a_whole_number_is_a_time() -> None:
    message = http.Response(b"HTTP/1.1", 200, b"OK", http.Headers(), None, None, 1, 2)
    assert (message.timestamp_start, message.timestamp_end) == (1, 2)
