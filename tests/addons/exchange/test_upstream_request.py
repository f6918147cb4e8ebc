"""What a provider is sent for a request, and what the client reads when it fails."""

import gzip
import json
import zlib
from collections.abc import Iterator
from functools import partial

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from addons.exchange import content_encoding
from tests.addons.layer_harness import refusal
from tests.addons.proxy_under_test import (
    ACME,
    CODEX,
    KEY,
    ROUTES,
    TARGET,
    THEIRS,
    HttpMessage,
    ProxyUnderTest,
    request_body,
)

CURIOUS = {"authorization": "Bearer own-secret", "user-agent": "curious/1"}
"""The headers of a client that is not Codex."""


# The least effort: what is packed here is large, and all the same.
quick_gzip = partial(gzip.compress, compresslevel=1)
quick_br = partial(brotli.compress, quality=1)


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


# --- who asks, and how the body is read ---


@pytest.mark.parametrize(
    "headers", [{"originator": "codex-tui"}, {"x-codex-window-id": "t:0"}, {"X-Codex-Turn-Metadata": "{}"}]
)
def test_codex_is_known_by_its_headers_and_gets_400_for_what_it_would_retry(
    proxy_under_test: ProxyUnderTest, headers: dict[str, str]
) -> None:
    response = proxy_under_test.response_to(request_body(), {**headers, "content-encoding": "lzma"})
    assert (response.status, response.error["code"]) == (400, "invalid_prompt")


@pytest.mark.parametrize(
    ("user_agent", "accept", "status"),
    [
        ("codex_exec/0.166.0 (Debian 13; x86_64) xterm (codex_exec; 0.166.0)", "text/event-stream", 200),
        ("codex_exec/0.169.0 (Debian 13; x86_64) xterm (codex_exec; 0.169.0)", "text/event-stream", 400),
        ("my client/1.0.0", "text/event-stream", 400),
        ("my client", "text/event-stream", 400),
        ("codex_exec/0.120.0", "*/*", 400),
    ],
)
def test_an_older_codex_that_wants_a_stream_gets_its_error_within_one(
    proxy_under_test: ProxyUnderTest, user_agent: str, accept: str, status: int
) -> None:
    headers = {**CODEX, "user-agent": user_agent, "accept": accept}
    assert proxy_under_test.response_to(request_body(), {**headers, "content-encoding": "lzma"}).status == status


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("identity", bytes),
        ("gzip, zstd", lambda data: zstandard.compress(gzip.compress(data))),
        ("GZIP", gzip.compress),
    ],
)
def test_a_request_is_read_in_every_encoding_and_sent_in_none(
    proxy_under_test: ProxyUnderTest, encoding: str, encode: object
) -> None:
    assert callable(encode)
    sent = proxy_under_test.upstream_request(ACME, encode(request_body()), CODEX | {"content-encoding": encoding})
    assert sent.json["messages"][0]["content"] == "hi"
    assert "content-encoding" not in sent.headers


@pytest.mark.parametrize(
    ("encoding", "body", "status", "message"),
    [
        ("lzma", b"x", 415, "unknown content encoding"),
        ("gzip", b"no gzip at all", 400, "not valid gzip"),
        ("zstd", zstandard.compress(request_body())[:-3], 400, "ends before"),
        ("gzip", gzip.compress(b" " * (2 << 20)), 413, "larger than"),
        ("", request_body(input="x" * (2 << 20)), 413, "larger than"),
    ],
)
def test_a_body_that_cannot_be_read_is_reported_as_http_calls_it(
    proxy_under_test: ProxyUnderTest, encoding: str, body: bytes, status: int, message: str
) -> None:
    proxy_under_test.set(request_limit=1)
    response = proxy_under_test.response_to(body, {"content-encoding": encoding})
    assert (response.status, response.headers["content-type"]) == (status, "application/json")
    assert message in response.error["message"]
    assert proxy_under_test.response_to(body, CODEX | {"content-encoding": encoding}).status == 400


# --- what is sent ---


def test_a_provider_with_a_key_gets_nothing_of_the_clients(proxy_under_test: ProxyUnderTest) -> None:
    sent = proxy_under_test.upstream_request(ACME, request_body(), CURIOUS | {"x-mine": "1", "cookie": "a=1"})
    assert set(sent.headers) <= {
        *("user-agent", "content-type", "accept", "authorization", "accept-encoding", "host", "content-length", "via"),
    }
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert (sent.headers["user-agent"], sent.headers["accept"]) == ("transcodex", "text/event-stream")


def test_a_providers_own_headers_replace_ours_however_they_are_written(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.routes(ROUTES + 'headers = { "User-Agent" = "workshop/1", X-Title = "T" }')
    sent = proxy_under_test.upstream_request(THEIRS, request_body("own-1"), CURIOUS)
    assert [value for name, value in sent.fields if name == "user-agent"] == ["workshop/1"]
    assert sent.headers["x-title"] == "T"


def test_a_provider_that_takes_the_clients_credentials_gets_its_headers_too(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body("own-1"), CODEX | {"x-codex-window-id": "t:0"})
    sent = HttpMessage(harness.to_upstream[THEIRS])
    assert sent.first == "POST /v1/responses HTTP/1.1"
    assert sent.headers["x-codex-window-id"] == "t:0"
    assert {name: sent.headers[name] for name in CODEX} == CODEX
    assert "own-secret" not in str(harness.flow("upstream").get_state())
    assert "acc-7" not in str(harness.flow("upstream").get_state())


def test_headers_of_one_hop_are_never_forwarded(proxy_under_test: ProxyUnderTest) -> None:
    hop = {
        **{"connection": "keep-alive, X-Hop", "x-hop": "1", "keep-alive": "timeout=5", "te": "trailers"},
        **{"proxy-authorization": "Basic eDp5", "upgrade": "h2c", "proxy-connection": "keep-alive"},
        **{"accept-encoding": "br", "content-encoding": "identity"},
    }
    sent = proxy_under_test.upstream_request(THEIRS, request_body("own-1"), CODEX | hop)
    assert not set(sent.headers) & (hop.keys() - {"accept-encoding"})
    assert (sent.headers["accept-encoding"], sent.headers["host"]) == ("identity", "theirs:2")
    assert int(sent.headers["content-length"]) == len(sent.body)


def test_a_header_that_is_not_utf8_is_handed_on_as_it_is(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body("own-1"), CODEX | {"x-place": "Z\udcfcrich"})
    assert b"x-place: Z\xfcrich\r\n" in harness.to_upstream[THEIRS]


def test_an_attempt_shows_no_key_while_the_wire_has_it(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    assert KEY in harness.to_upstream[ACME].decode()
    assert KEY not in str(harness.flow("upstream").get_state())
    assert harness.flow("upstream").request.headers["authorization"] == "Bearer <withheld>"


# --- questions for the reverse target that hold seals of ours ---

SEALED = [{"type": "reasoning", "summary": [], "encrypted_content": "tcx1.chat.e30"}]


def test_a_passing_request_with_seals_of_ours_becomes_an_attempt_without_them(
    proxy_under_test: ProxyUnderTest,
) -> None:
    hi = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    harness = proxy_under_test.post(request_body("gpt-nobody", input=[*SEALED, hi]), CODEX)
    sent = HttpMessage(harness.to_upstream[TARGET])
    assert sent.first == "POST /v1/responses HTTP/1.1"
    assert sent.json == json.loads(request_body("gpt-nobody", input=[hi]))
    assert {name: sent.headers[name] for name in CODEX} == CODEX
    assert "own-secret" not in str([flow.get_state() for flow in harness.flows])


def test_a_target_without_a_version_in_its_paths_gets_requests_without_one(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body("gpt-nobody", input=SEALED), path="/responses")
    assert HttpMessage(harness.to_upstream[TARGET]).first.startswith("POST /responses ")


# --- what the client reads ---


@pytest.mark.parametrize(
    ("status", "codex", "other"),
    [
        (429, 429, 429),
        (401, 400, 401),
        (404, 400, 404),
        (500, 502, 500),
        (529, 503, 503),
        (302, 400, 502),
        (407, 400, 502),
    ],
)
def test_a_refusal_is_reported_to_each_client_in_its_way(
    proxy_under_test: ProxyUnderTest, status: int, codex: int, other: int
) -> None:
    body = b'{"error":{"message":"no such model"}}' if status == 404 else b'{"error":{"message":"sorry"}}'
    for headers, expected in ((CODEX, codex), (CURIOUS, other)):
        harness = proxy_under_test.post(request_body(), headers)
        harness.upstream_sends(refusal(status, body))
        response = HttpMessage(harness.to_client)
        assert (response.status, response.headers["content-type"]) == (expected, "application/json")
        assert f"acme answered {status}" in response.error["message"]
        assert ("retry-after" in response.headers) == (expected in (429, 502, 503))


def test_how_long_to_wait_is_handed_on(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(refusal(429))
    assert HttpMessage(harness.to_client).headers["retry-after"] == "7"


def test_a_compressed_refusal_is_read(proxy_under_test: ProxyUnderTest) -> None:
    body = gzip.compress(b'{"error":{"message":"say please"}}')
    head = b"HTTP/1.1 400 No\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(head + body)
    assert "say please" in HttpMessage(harness.to_client).error["message"]


def test_a_refusal_in_a_broken_encoding_is_reported_by_its_status(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(b"HTTP/1.1 429 No\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nxyz")
    response = HttpMessage(harness.to_client)
    assert response.status == 429
    assert "acme answered 429" in response.error["message"]


def test_a_responses_providers_refusal_is_handed_on_as_it_is(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body("own-1"))
    harness.upstream_sends(refusal(429, b'{"error":{"code":"slow_down"}}'), THEIRS)
    response = HttpMessage(harness.to_client)
    assert (response.status, response.headers["retry-after"], response.body) == (
        429,
        "7",
        b'{"error":{"code":"slow_down"}}',
    )


@pytest.mark.parametrize("headers", [CODEX, CURIOUS])
def test_a_provider_out_of_reach_is_named(proxy_under_test: ProxyUnderTest, headers: dict[str, str]) -> None:
    harness = proxy_under_test.post(request_body(), headers, refused=[ACME])
    response = HttpMessage(harness.to_client)
    assert response.status == 502
    assert "acme is out of reach" in response.error["message"]


@pytest.mark.parametrize(("headers", "status"), [(CODEX, 408), (CURIOUS, 504)])
def test_a_provider_that_says_nothing_in_time_is_named(
    proxy_under_test: ProxyUnderTest, headers: dict[str, str], status: int
) -> None:
    proxy_under_test.routes(ROUTES.replace('key_env = ["ACME_KEY"]', 'key_env = ["ACME_KEY"]\nfirst_byte = 0.000001'))
    harness = proxy_under_test.post(request_body(), headers)
    harness.fire_timers()
    response = HttpMessage(harness.to_client)
    assert response.status == status
    assert "acme sent nothing" in response.error["message"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate, gzip"])
def test_no_more_of_a_refusal_is_decoded_than_anybody_reads(
    proxy_under_test: ProxyUnderTest, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = b'{"error":{"message":"too many tokens"}}' + bytes(200 << 20)
    packed = {"gzip": quick_gzip, "br": quick_br, "zstd": zstandard.compress}
    body = quick_gzip(zlib.compress(bomb, 1)) if "," in encoding else packed[encoding](bomb)
    read: list[int] = []
    pieces = content_encoding.Decoder.pieces

    def counted(self: content_encoding.Decoder, data: bytes) -> Iterator[bytes]:
        for piece in pieces(self, data):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(content_encoding.Decoder, "pieces", counted)
    harness = proxy_under_test.post(request_body())
    head = f"HTTP/1.1 400 No\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    harness.upstream_sends(head.encode() + body)
    assert "too many tokens" in HttpMessage(harness.to_client).error["message"]
    assert sum(read) <= content_encoding._LARGEST_PIECE, "once is enough"


def test_a_response_that_is_cut_after_its_first_words_ends_as_failed(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(
        b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"
        b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    )
    harness.upstream_closes()
    assert b"event: response.failed" in harness.to_client
    assert b"acme broke off" in harness.to_client
