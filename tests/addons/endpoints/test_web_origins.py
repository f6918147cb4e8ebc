"""Which hosts and web pages may use the proxy, by the headers of a request."""

import pytest
from mitmproxy import http

from addons.endpoints.web_origins import Allowed, permission, preflight

PAGE = "https://page.example"
OWN_NAMES = ("127.0.0.1:8080",)
ALLOWED = Allowed.of(["Box.LAN"], [PAGE])


def sent(*headers: tuple[str, str], method: str = "POST") -> http.Request:
    fields = [(name.encode(), value.encode()) for name, value in headers]
    return http.Request.make(method, "http://target/v1/responses", b"", http.Headers(fields))


def refusal(names: tuple[str, ...] | None, *headers: tuple[str, str], own: tuple[str, ...] = ("127.0.0.1",)) -> str:
    return ALLOWED.why_not(sent(*headers), names, own) or ""


# --- the host ---


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "LOCALHOST:8080", "localhost.:8080", "127.0.0.1", "127.0.0.1:9000", "[::1]", "[::1]:8080"),
        *("[::ffff:127.0.0.1]:8080", "box.lan", "BOX.lan.:443", "app.localhost:1"),
    ],
)
def test_own_hosts_are_accepted_at_any_port(name: str) -> None:
    assert refusal((name,)) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"),
        *("localhost:", "localhost:0", "localhost:99999", "localhost:8080:8080", "localhost:abc", "localhost:٣", "::1"),
        *("[::1", "::1]", "[::1]x", "localhost/", "a@localhost", "localhost, localhost", " ", "", "..", "local host"),
        *(
            "0.0.0.0:8080",
            "[::]",
            "192.168.1.5",
            "box.lan.evil.example",
            "\u0131ocalhost",
            "localhost\x00",
            "localhost#",
        ),
    ],
)
def test_other_hosts_are_refused(name: str) -> None:
    assert "allowed_hosts" in refusal((name,))


def test_a_request_without_host_is_refused() -> None:
    assert "allowed_hosts" in refusal(())


def test_every_host_must_be_our_own() -> None:
    assert "evil.example" in refusal(("localhost", "evil.example"))


def test_the_address_that_the_client_reached_is_our_own_and_the_wildcard_is_not() -> None:
    assert refusal(("192.168.1.5:8080",), own=("192.168.1.5", "0.0.0.0")) == ""
    assert refusal(("[fe80::1]:8080",), own=("fe80::1",)) == ""
    assert "0.0.0.0" in refusal(("0.0.0.0:8080",), own=("192.168.1.5", "0.0.0.0", ""))


def test_requests_to_other_servers_are_not_checked() -> None:
    assert refusal(None) == ""


# --- the page ---


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("origin", "http://127.0.0.1:8080")],
        [("origin", "HTTP://127.0.0.1:8080")],
        [("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:8080")],
        [("sec-fetch-site", "none")],
        [("origin", PAGE)],
        [("origin", "https://PAGE.example"), ("sec-fetch-site", "cross-site")],
    ],
)
def test_programs_own_pages_and_named_pages_are_accepted(headers: list[tuple[str, str]]) -> None:
    assert refusal(OWN_NAMES, *headers) == ""


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "")],
        [("origin", "http://127.0.0.1:9000")],
        [("origin", "http://localhost:8080")],
        [("origin", "http://127.0.0.1")],
        [("origin", "https://page.example.evil.example")],
        [("origin", "http://page.example")],
        [("origin", "https://page.example:444")],
        [("origin", PAGE), ("origin", "https://evil.example")],
        [("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "Cross-Site ")],
        [("sec-fetch-site", "")],
        [("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
    ],
)
def test_other_pages_are_refused(headers: list[tuple[str, str]]) -> None:
    assert "allowed_origins" in refusal(OWN_NAMES, *headers)


def test_foreign_text_is_quoted_as_one_short_line() -> None:
    message = refusal(OWN_NAMES, ("origin", "http://\x1b[31m\x07" + "e" * 500))
    assert message.isprintable() and len(message) < 250


# --- CORS headers ---


def test_a_named_page_may_read_the_response() -> None:
    assert permission(sent(("origin", PAGE))) == {"access-control-allow-origin": PAGE, "vary": "origin"}


def test_a_preflight_is_answered_and_any_other_options_is_not() -> None:
    method, headers = ("access-control-request-method", "POST"), ("access-control-request-headers", "x-a, content-type")
    response = preflight(sent(method, headers, method="OPTIONS"))
    assert response and response.status_code == 204
    assert response.headers["access-control-allow-methods"] == "POST"
    assert response.headers["access-control-allow-headers"] == "x-a, content-type"
    assert preflight(sent(method="OPTIONS")) is None
    assert preflight(sent(method, headers)) is None


# --- the options ---


@pytest.mark.parametrize("host", ["*", "", "http://x", "a b", "box.lan:8080", "x/y"])
def test_an_invalid_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="allowed_hosts"):
        Allowed.of([host], [])


@pytest.mark.parametrize("origin", ["*", "null", "", "page.example", "https://page.example/", "https://u@page.example"])
def test_an_invalid_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="allowed_origins"):
        Allowed.of([], [origin])


def test_an_address_is_a_valid_host() -> None:
    assert Allowed.of(["192.168.1.5", "[fe80::1]"], []).hosts == {"192.168.1.5", "fe80::1"}
