"""A packed body is the same body, whoever asks for it, and smaller."""

import io
import pickle
from collections.abc import Callable

import pytest
from mitmproxy import http
from mitmproxy.http import RequestData, ResponseData
from mitmproxy.io import FlowReader, FlowWriter
from mitmproxy.test import tflow

from addons.inspection import packed_bodies

BODY = b'{"role":"user","content":"hello"}' * 1000

type Message = http.Request | http.Response


def pack(message: Message) -> None:
    packed_bodies.pack(message, message.raw_content or b"", packed_bodies.compressed(message.raw_content or b""))


@pytest.fixture
def flow() -> http.HTTPFlow:
    """Its two bodies are packed."""
    flow = tflow.tflow(resp=True)
    assert flow.response
    flow.request.raw_content = flow.response.raw_content = BODY
    flow.response.headers["content-encoding"] = "identity"
    pack(flow.request)
    pack(flow.response)
    return flow


@pytest.mark.parametrize("side", [lambda flow: flow.request, lambda flow: flow.response])
def test_it_is_read_as_it_was_and_takes_less(flow: http.HTTPFlow, side: Callable[[http.HTTPFlow], Message]) -> None:
    message = side(flow)
    assert message.raw_content == message.content == BODY
    assert message.text == BODY.decode()
    assert 0 < packed_bodies.size(message) < len(BODY) / 10
    assert isinstance(message.data, RequestData | ResponseData)


def test_it_may_be_edited_and_the_edit_reverted(flow: http.HTTPFlow) -> None:
    flow.backup()
    flow.request.text = "edited"
    assert flow.modified()
    assert flow.request.raw_content == b"edited"
    flow.request.raw_content = None
    assert flow.request.raw_content is None
    flow.revert()
    assert flow.request.raw_content == BODY


def test_it_is_saved_copied_and_sent_elsewhere_as_the_body_it_is(flow: http.HTTPFlow) -> None:
    plain = tflow.tflow(resp=True)
    plain.set_state(flow.get_state())
    assert (plain.request.data.content, type(plain.request.data)) == (BODY, RequestData)
    file = io.BytesIO()
    FlowWriter(file).add(flow)  # type: ignore[no-untyped-call]
    file.seek(0)
    [read] = FlowReader(file).stream()
    assert isinstance(read, http.HTTPFlow)
    for other in (read, flow.copy(), pickle.loads(pickle.dumps(flow.request)), flow.request.copy()):
        request = other.request if isinstance(other, http.HTTPFlow) else other
        assert request.raw_content == BODY
        assert request.headers == flow.request.headers


def test_what_is_small_or_packed_is_left(flow: http.HTTPFlow) -> None:
    assert not packed_bodies.is_worth_it(flow.request)
    assert not packed_bodies.is_worth_it(None)
    assert not packed_bodies.is_worth_it(tflow.tflow().request)
    flow.request = tflow.tflow().request
    flow.request.raw_content = BODY
    assert packed_bodies.is_worth_it(flow.request)
    assert packed_bodies.size(flow.request) == len(BODY)


def test_a_body_that_was_edited_meanwhile_stays() -> None:
    request = tflow.tflow().request
    before = request.raw_content = BODY
    compressed_body = packed_bodies.compressed(before)
    request.raw_content = b"edited"
    packed_bodies.pack(request, before, compressed_body)
    assert request.raw_content == b"edited"
