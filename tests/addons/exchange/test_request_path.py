"""Paths of requests, however they are spelled."""

import pytest
from mitmproxy import http

from addons.exchange.request_path import request_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/responses", "/responses"),
        ("/responses?x=1", "/responses"),
        ("//v1//Responses/", "/responses"),
        ("/v1/%72esponses;x#y", "/responses"),
        ("/v1/models/../responses/compact", "/responses/compact"),
        ("/backend-api/codex/responses", "/responses"),
        ("/v1/models", "/models"),
        ("/v1/models/a%2Fb?x=1", "/models/a/b"),
        ("/responses-x", "/responses-x"),
        ("/", "/"),
    ],
)
def test_the_path_is_normalised_and_below_the_version(path: str, expected: str) -> None:
    assert request_path(http.Request.make("POST", f"http://host{path}")) == expected
