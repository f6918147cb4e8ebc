"""Which web pages may use the proxy, as far as it can tell from what a browser says."""

import pytest
from mitmproxy import http

from addons.endpoints.web_origins import Allowed, permission, preflight

PAGE = "https://page.example"
OURS = ("127.0.0.1:8080",)
NAMED = Allowed.of(["Box.LAN"], [PAGE])


def asked(*headers: tuple[str, str], method: str = "POST") -> http.Request:
    fields = [(name.encode(), value.encode()) for name, value in headers]
    return http.Request.make(method, "http://target/v1/responses", b"", http.Headers(fields))


def refusal(names: tuple[str, ...] | None, *headers: tuple[str, str], own: tuple[str, ...] = ("127.0.0.1",)) -> str:
    return NAMED.why_not(asked(*headers), names, own) or ""


# --- the host ---


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "LOCALHOST:8080", "localhost.:8080", "127.0.0.1", "127.0.0.1:9000", "[::1]", "[::1]:8080"),
        *("[::ffff:127.0.0.1]:8080", "box.lan", "BOX.lan.:443", "app.localhost:1"),
    ],
)
def test_our_own_names_are_ours_at_any_port(name: str) -> None:
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
def test_any_other_name_is_a_strangers(name: str) -> None:
    assert "allowed_hosts" in refusal((name,))


def test_without_any_name_nobody_knows() -> None:
    assert "allowed_hosts" in refusal(())


def test_every_name_must_be_ours() -> None:
    assert "evil.example" in refusal(("localhost", "evil.example"))


def test_the_address_that_the_client_reached_is_ours_and_all_addresses_are_none() -> None:
    assert refusal(("192.168.1.5:8080",), own=("192.168.1.5", "0.0.0.0")) == ""
    assert refusal(("[fe80::1]:8080",), own=("fe80::1",)) == ""
    assert "0.0.0.0" in refusal(("0.0.0.0:8080",), own=("192.168.1.5", "0.0.0.0", ""))


def test_what_was_meant_for_another_host_has_any_name() -> None:
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
def test_programs_our_own_pages_and_named_ones_may(headers: list[tuple[str, str]]) -> None:
    assert refusal(OURS, *headers) == ""


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
def test_any_other_page_may_not(headers: list[tuple[str, str]]) -> None:
    assert "allowed_origins" in refusal(OURS, *headers)


def test_what_a_stranger_sent_is_told_as_one_short_line() -> None:
    told = refusal(OURS, ("origin", "http://\x1b[31m\x07" + "e" * 500))
    assert told.isprintable() and len(told) < 250


# --- what a named page is told ---


def test_a_named_page_may_read_the_answer() -> None:
    assert permission(asked(("origin", PAGE))) == {"access-control-allow-origin": PAGE, "vary": "origin"}


def test_a_preflight_is_answered_and_any_other_options_is_not() -> None:
    method, headers = ("access-control-request-method", "POST"), ("access-control-request-headers", "x-a, content-type")
    answer = preflight(asked(method, headers, method="OPTIONS"))
    assert answer and answer.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "x-a, content-type"
    assert preflight(asked(method="OPTIONS")) is None
    assert preflight(asked(method, headers)) is None


# --- the options ---


@pytest.mark.parametrize("host", ["*", "", "http://x", "a b", "box.lan:8080", "x/y"])
def test_what_is_no_host_is_not_taken(host: str) -> None:
    with pytest.raises(ValueError, match="allowed_hosts"):
        Allowed.of([host], [])


@pytest.mark.parametrize("origin", ["*", "null", "", "page.example", "https://page.example/", "https://u@page.example"])
def test_what_is_no_origin_is_not_taken(origin: str) -> None:
    with pytest.raises(ValueError, match="allowed_origins"):
        Allowed.of([], [origin])


def test_an_address_can_be_a_host() -> None:
    assert Allowed.of(["192.168.1.5", "[fe80::1]"], []).hosts == {"192.168.1.5", "fe80::1"}
