"""Secrets of headers are on the wire and nowhere else."""

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from addons import withheld


def request(**headers: str) -> http.Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return http.Request.make("POST", "https://example.org/v1/responses", b"{}", http.Headers(fields))


@pytest.mark.parametrize("name", sorted(withheld.SECRET))
def test_a_secret_is_taken_and_put_back(name: str) -> None:
    message = request(**{name: "s3cret", "accept": "text/event-stream"})
    held = withheld.take(message.headers)
    assert message.headers[name] == withheld.PLACEHOLDER
    assert "s3cret" not in str(message.headers)
    assert message.headers["accept"] == "text/event-stream"
    on_the_wire = withheld.restored(message, held)
    assert on_the_wire.headers[name] == "s3cret"
    assert message.headers[name] == withheld.PLACEHOLDER


def test_the_scheme_stays_readable() -> None:
    message = request(Authorization="Bearer sk-1")
    withheld.take(message.headers)
    assert message.headers["authorization"] == "Bearer <withheld>"


def test_several_cookies_come_back_in_their_order() -> None:
    response = http.Response.make(200, b"", http.Headers([(b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2")]))
    held = withheld.take(response.headers)
    assert response.headers.get_all("set-cookie") == [withheld.PLACEHOLDER] * 2
    assert withheld.restored(response, held).headers.get_all("set-cookie") == ["a=1", "b=2"]


def test_what_a_user_edited_or_removed_stays_so() -> None:
    message = request(authorization="Bearer sk-1", cookie="a=1")
    held = withheld.take(message.headers)
    message.headers["authorization"] = "Bearer mine"
    del message.headers["cookie"]
    sent = withheld.restored(message, held).headers
    assert sent["authorization"] == "Bearer mine"
    assert "cookie" not in sent


def test_the_proxy_itself_can_still_ask_for_them() -> None:
    flow = tflow.tflow(req=request(authorization="Bearer sk-1", chatgpt_account_id="acc-1"))
    withheld.keep(flow, withheld.take(flow.request.headers))
    assert withheld.credential(flow, "authorization") == "Bearer sk-1"
    assert withheld.credentials(flow) == {"authorization": "Bearer sk-1", "chatgpt-account-id": "acc-1"}
    del flow.request.headers["authorization"]
    assert withheld.credentials(flow) == {"chatgpt-account-id": "acc-1"}


def test_a_header_that_was_never_taken_is_what_it_is() -> None:
    assert withheld.credential(tflow.tflow(req=request(authorization="Bearer x")), "authorization") == "Bearer x"
    assert withheld.credential(tflow.tflow(req=request()), "authorization") == ""
