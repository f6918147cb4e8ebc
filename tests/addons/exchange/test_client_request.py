"""Which requests ask a model, and who sends them."""

import pytest
from mitmproxy.test import tutils

from addons.exchange.client_request import client_of, is_below_responses, is_model_request, wants_compaction


@pytest.mark.parametrize(
    ("method", "path", "asks", "below"),
    [
        (b"POST", b"/v1/responses", True, True),
        (b"POST", b"/v1/responses/compact", True, True),
        (b"GET", b"/v1/responses", False, True),
        (b"POST", b"/v1/responses/input_tokens", False, True),
        (b"POST", b"/v1/files", False, False),
    ],
)
def test_two_paths_are_for_a_model(method: bytes, path: bytes, *, asks: bool, below: bool) -> None:
    request = tutils.treq(method=method, path=path)
    assert (is_model_request(request), is_below_responses(request)) == (asks, below)


def test_one_of_them_wants_a_compaction() -> None:
    paths = (b"/v1/responses", b"/v1/responses/compact")
    assert [wants_compaction(tutils.treq(path=path)) for path in paths] == [False, True]


def test_who_bears_no_mark_of_codex_is_another_client() -> None:
    assert client_of(tutils.treq()) == "other"
