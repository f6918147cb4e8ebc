"""What a client acts on passes; all else stays."""

from mitmproxy import http

from addons.exchange.response_headers import for_client


def test_what_codex_reads_passes_and_nothing_else() -> None:
    passing = {
        "x-codex-turn-state": "t1", "x-codex-primary-used-percent": "7", "x-models-etag": "e", "x-request-id": "r",
        "x-reasoning-included": "1", "openai-processing-ms": "12", "x-ratelimit-remaining-tokens": "5",
    }  # fmt: skip
    staying = {"openai-model": "other", "set-cookie": "a=b", "content-type": "x", "server": "y", "content-length": "3"}
    headers = {name.title(): value for name, value in (passing | staying).items()}
    assert for_client(http.Response.make(200, b"", headers)) == passing


def test_where_nobody_answered_there_is_none() -> None:
    assert for_client(None) == {}
