"""What a provider is sent for a question, and what the client is told when it fails."""

import gzip
import json
import zlib
from collections.abc import Iterator
from functools import partial

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from addons.exchange import content_encoding
from tests.addons.house import ACME, CODEX, KEY, ROUTES, TARGET, THEIRS, House, Message, question
from tests.addons.stage import refusal

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
def test_codex_is_known_by_its_headers_and_told_400_for_what_it_would_retry(
    house: House, headers: dict[str, str]
) -> None:
    told = house.told(question(), {**headers, "content-encoding": "lzma"})
    assert (told.status, told.error["code"]) == (400, "invalid_prompt")


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
def test_an_older_codex_that_wants_a_stream_is_told_within_one(
    house: House, user_agent: str, accept: str, status: int
) -> None:
    headers = {**CODEX, "user-agent": user_agent, "accept": accept}
    assert house.told(question(), {**headers, "content-encoding": "lzma"}).status == status


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
def test_a_question_is_read_in_every_encoding_and_sent_in_none(house: House, encoding: str, encode: object) -> None:
    assert callable(encode)
    sent = house.sent(ACME, encode(question()), CODEX | {"content-encoding": encoding})
    assert sent.json["messages"][0]["content"] == "hi"
    assert "content-encoding" not in sent.headers


@pytest.mark.parametrize(
    ("encoding", "body", "status", "says"),
    [
        ("lzma", b"x", 415, "unknown content encoding"),
        ("gzip", b"no gzip at all", 400, "not valid gzip"),
        ("zstd", zstandard.compress(question())[:-3], 400, "ends before"),
        ("gzip", gzip.compress(b" " * (2 << 20)), 413, "larger than"),
        ("", question(input="x" * (2 << 20)), 413, "larger than"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_as_http_calls_it(
    house: House, encoding: str, body: bytes, status: int, says: str
) -> None:
    house.set(request_limit=1)
    told = house.told(body, {"content-encoding": encoding})
    assert (told.status, told.headers["content-type"]) == (status, "application/json")
    assert says in told.error["message"]
    assert house.told(body, CODEX | {"content-encoding": encoding}).status == 400


# --- what is sent ---


def test_a_provider_with_a_key_gets_nothing_of_the_clients(house: House) -> None:
    sent = house.sent(ACME, question(), CURIOUS | {"x-mine": "1", "cookie": "a=1"})
    assert set(sent.headers) <= {
        *("user-agent", "content-type", "accept", "authorization", "accept-encoding", "host", "content-length", "via"),
    }
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert (sent.headers["user-agent"], sent.headers["accept"]) == ("transcodex", "text/event-stream")


def test_a_providers_own_headers_replace_ours_however_they_are_written(house: House) -> None:
    house.routes(ROUTES + 'headers = { "User-Agent" = "workshop/1", X-Title = "T" }')
    sent = house.sent(THEIRS, question("own-1"), CURIOUS)
    assert [value for name, value in sent.fields if name == "user-agent"] == ["workshop/1"]
    assert sent.headers["x-title"] == "T"


def test_a_provider_that_takes_the_clients_credentials_gets_its_headers_too(house: House) -> None:
    stage = house.asked(question("own-1"), CODEX | {"x-codex-window-id": "t:0"})
    sent = Message(stage.to_upstream[THEIRS])
    assert sent.first == "POST /v1/responses HTTP/1.1"
    assert sent.headers["x-codex-window-id"] == "t:0"
    assert {name: sent.headers[name] for name in CODEX} == CODEX
    assert "own-secret" not in str(stage.flow("upstream").get_state())
    assert "acc-7" not in str(stage.flow("upstream").get_state())


def test_headers_of_one_hop_are_never_forwarded(house: House) -> None:
    hop = {
        **{"connection": "keep-alive, X-Hop", "x-hop": "1", "keep-alive": "timeout=5", "te": "trailers"},
        **{"proxy-authorization": "Basic eDp5", "upgrade": "h2c", "proxy-connection": "keep-alive"},
        **{"accept-encoding": "br", "content-encoding": "identity"},
    }
    sent = house.sent(THEIRS, question("own-1"), CODEX | hop)
    assert not set(sent.headers) & (hop.keys() - {"accept-encoding"})
    assert (sent.headers["accept-encoding"], sent.headers["host"]) == ("identity", "theirs:2")
    assert int(sent.headers["content-length"]) == len(sent.body)


def test_a_header_that_is_not_utf8_is_handed_on_as_it_is(house: House) -> None:
    stage = house.asked(question("own-1"), CODEX | {"x-place": "Z\udcfcrich"})
    assert b"x-place: Z\xfcrich\r\n" in stage.to_upstream[THEIRS]


def test_an_attempt_shows_no_key_while_the_wire_has_it(house: House) -> None:
    stage = house.asked(question())
    assert KEY in stage.to_upstream[ACME].decode()
    assert KEY not in str(stage.flow("upstream").get_state())
    assert stage.flow("upstream").request.headers["authorization"] == "Bearer <withheld>"


# --- questions for the reverse target that hold seals of ours ---

SEALED = [{"type": "reasoning", "summary": [], "encrypted_content": "tcx1.chat.e30"}]


def test_a_passing_question_with_seals_of_ours_becomes_an_attempt_without_them(house: House) -> None:
    hi = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    stage = house.asked(question("gpt-nobody", input=[*SEALED, hi]), CODEX)
    sent = Message(stage.to_upstream[TARGET])
    assert sent.first == "POST /v1/responses HTTP/1.1"
    assert sent.json == json.loads(question("gpt-nobody", input=[hi]))
    assert {name: sent.headers[name] for name in CODEX} == CODEX
    assert "own-secret" not in str([flow.get_state() for flow in stage.flows])


def test_a_target_without_a_version_in_its_paths_is_asked_without_one(house: House) -> None:
    stage = house.asked(question("gpt-nobody", input=SEALED), path="/responses")
    assert Message(stage.to_upstream[TARGET]).first.startswith("POST /responses ")


# --- what the client is told ---


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
def test_a_refusal_is_told_to_each_client_in_its_way(house: House, status: int, codex: int, other: int) -> None:
    body = b'{"error":{"message":"no such model"}}' if status == 404 else b'{"error":{"message":"sorry"}}'
    for headers, expected in ((CODEX, codex), (CURIOUS, other)):
        stage = house.asked(question(), headers)
        stage.upstream(refusal(status, body))
        told = Message(stage.to_client)
        assert (told.status, told.headers["content-type"]) == (expected, "application/json")
        assert f"acme answered {status}" in told.error["message"]
        assert ("retry-after" in told.headers) == (expected in (429, 502, 503))


def test_how_long_to_wait_is_handed_on(house: House) -> None:
    stage = house.asked(question())
    stage.upstream(refusal(429))
    assert Message(stage.to_client).headers["retry-after"] == "7"


def test_a_compressed_refusal_is_read(house: House) -> None:
    body = gzip.compress(b'{"error":{"message":"say please"}}')
    head = b"HTTP/1.1 400 No\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    stage = house.asked(question())
    stage.upstream(head + body)
    assert "say please" in Message(stage.to_client).error["message"]


def test_a_refusal_in_a_broken_encoding_is_told_by_its_status(house: House) -> None:
    stage = house.asked(question())
    stage.upstream(b"HTTP/1.1 429 No\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nxyz")
    told = Message(stage.to_client)
    assert told.status == 429
    assert "acme answered 429" in told.error["message"]


def test_a_responses_providers_refusal_is_handed_on_as_it_is(house: House) -> None:
    stage = house.asked(question("own-1"))
    stage.upstream(refusal(429, b'{"error":{"code":"slow_down"}}'), THEIRS)
    told = Message(stage.to_client)
    assert (told.status, told.headers["retry-after"], told.body) == (429, "7", b'{"error":{"code":"slow_down"}}')


@pytest.mark.parametrize("headers", [CODEX, CURIOUS])
def test_a_provider_out_of_reach_is_named(house: House, headers: dict[str, str]) -> None:
    stage = house.asked(question(), headers, refused=[ACME])
    told = Message(stage.to_client)
    assert told.status == 502
    assert "acme is out of reach" in told.error["message"]


@pytest.mark.parametrize(("headers", "status"), [(CODEX, 408), (CURIOUS, 504)])
def test_a_provider_that_says_nothing_in_time_is_named(house: House, headers: dict[str, str], status: int) -> None:
    house.routes(ROUTES.replace('key_env = ["ACME_KEY"]', 'key_env = ["ACME_KEY"]\nfirst_byte = 0.000001'))
    stage = house.asked(question(), headers)
    stage.wake()
    told = Message(stage.to_client)
    assert told.status == status
    assert "acme sent nothing" in told.error["message"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate, gzip"])
def test_no_more_of_a_refusal_is_decoded_than_anybody_reads(
    house: House, encoding: str, monkeypatch: pytest.MonkeyPatch
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
    stage = house.asked(question())
    head = f"HTTP/1.1 400 No\r\ncontent-encoding: {encoding}\r\ncontent-length: {len(body)}\r\n\r\n"
    stage.upstream(head.encode() + body)
    assert "too many tokens" in Message(stage.to_client).error["message"]
    assert sum(read) <= content_encoding._LARGEST_PIECE, "once is enough"


def test_an_answer_that_is_cut_after_its_first_words_ends_as_failed(house: House) -> None:
    stage = house.asked(question())
    stage.upstream(
        b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n"
        b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    )
    stage.upstream_closes()
    assert b"event: response.failed" in stage.to_client
    assert b"acme broke off" in stage.to_client
