from mitmproxy import http

from tests.addons.stage import END, OK, POST, Loud, Planned, Stage, answer, asked, attempt, begun, body, chunk, refusal


def test_the_client_reads_the_converted_chunks() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(answer(b"one", b"two"))
    head, _, rest = stage.to_client.partition(b"\r\n\r\n")
    assert rest == chunk(b"ONETWO") + chunk(b"END") + END
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b"content-type: text/event-stream; charset=utf-8" in lines
    assert {b"cache-control: no-cache", b"x-accel-buffering: no"} < set(lines), "no proxy between may hold it back"
    assert not any(line.startswith(b"content-length") for line in lines)


def test_nothing_is_sent_for_nothing_said() -> None:
    stage = begun(Planned(attempt()))
    before = stage.to_client
    stage.upstream(chunk(b"-"))
    assert stage.to_client == before


def test_the_head_waits_for_the_first_words() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(OK + chunk(b"-"))
    assert stage.to_client == b""
    stage.upstream(chunk(b"one"))
    assert stage.to_client.endswith(chunk(b"ONE"))


def test_an_empty_answer_is_what_the_end_says() -> None:
    stage = asked(Planned(attempt()))
    stage.upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert body(stage.to_client) == chunk(b"END") + END
    assert stage.hooks("client")[-1] == stage.hooks("attempt")[-1] == "response"


def test_the_end_of_the_message_does_not_wait_for_hooks() -> None:
    stage = begun(Planned(attempt()))
    with stage.holding("attempt response"):
        stage.upstream(END)
        assert stage.to_client.endswith(chunk(b"END") + END)


def test_an_http10_client_gets_no_chunks() -> None:
    stage = Stage(Planned(attempt()))
    stage.says(POST.replace(b"HTTP/1.1", b"HTTP/1.0"))
    stage.upstream(answer(b"one"))
    assert body(stage.to_client) == b"ONEEND"
    assert "close client" in stage.log


def test_a_client_that_asked_for_no_stream_gets_a_whole_answer() -> None:
    stage = asked(Planned(attempt(), answer=lambda: Loud(stream=False)))
    stage.upstream(OK + chunk(b"one"))
    assert stage.to_client == b""
    stage.upstream(chunk(b"two") + END)
    head, _, rest = stage.to_client.partition(b"\r\n\r\n")
    assert b"content-length: 6" in head and b"content-type: text/plain" in head
    assert rest == b"ONETWO"
    assert stage.log[-4:] == ["attempt response", "client responseheaders", "exchange_end", "client response"]


def test_the_addon_may_answer_the_client_itself() -> None:
    stage = asked(Planned(attempt(), http.Response.make(503, b"later", {"retry-after": "5"})))
    stage.upstream(refusal())
    assert stage.to_client.startswith(b"HTTP/1.1 503")
    assert stage.to_client.endswith(b"later")
    assert stage.hooks("client") == ["requestheaders", "request", "responseheaders", "response"]


def test_the_addon_may_answer_without_any_attempt() -> None:
    stage = asked(Planned(http.Response.make(400, b"no such model")))
    assert stage.to_client.startswith(b"HTTP/1.1 400")
    assert stage.hooks("attempt") == []


def test_a_client_hears_something_from_an_addon_that_is_out_of_words() -> None:
    stage = asked(Planned(attempt(), None, provider_name="acme"), refused=[1])
    assert stage.to_client.startswith(b"HTTP/1.1 502")
    assert b'"message":"acme is out of reach: refused"' in stage.to_client
