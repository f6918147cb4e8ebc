import json
from typing import Any

import pytest
from mitmproxy import contentviews, http
from mitmproxy.test import taddons, tflow

from addons.exchange.flow_metadata import SIDE, SPEC, TIMES
from addons.inspection.content_view import TURN, TurnView

RESPONSE = {"id": "c", "model": "glm", "choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}]}
STREAM = b'data: {"id":"c","model":"glm","choices":[{"delta":{"content":"Hi."}}]}\n \n'


def model_flow(
    path: str, request: Any, answer: bytes | Any, kind: str = "application/json", **metadata: Any
) -> http.HTTPFlow:
    flow = tflow.tflow()
    json_type = {"content-type": "application/json"}
    flow.request = http.Request.make("POST", f"http://host{path}", json.dumps(request), json_type)
    body = answer if isinstance(answer, bytes) else json.dumps(answer)
    flow.response = http.Response.make(200, body, {"content-type": kind} if kind else {})
    flow.metadata.update(metadata)
    return flow


def render(flow: http.HTTPFlow, message: http.Message | None) -> tuple[str | None, str]:
    """The view that mitmproxy chooses, and its text."""
    assert message is not None
    with taddons.context(TurnView()):
        result = contentviews.prettify_message(message, flow)
    return result.view_name, result.text


REQUEST = {"model": "glm", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/x/chat/completions?api-version=1", "/v1/messages", "/v1/responses"]
)
def test_questions_are_shown_as_conversations(path: str) -> None:
    flow = model_flow(path, REQUEST, RESPONSE)
    view, text = render(flow, flow.request)
    assert (view, text) == ("Turn", "request to glm · chat\n \n  0  user\n     hi\n")


@pytest.mark.parametrize("kind", ["text/event-stream", "text/event-stream; charset=utf-8", "text/plain", ""])
def test_streams_are_shown_as_turns(kind: str) -> None:
    flow = model_flow("/v1/chat/completions", REQUEST, STREAM, kind)
    view, text = render(flow, flow.response)
    assert view == "Turn"
    assert "\ntext\n  Hi.\n" in text


def test_whole_answers_are_shown_as_turns() -> None:
    flow = model_flow("/v1/chat/completions", REQUEST, RESPONSE)
    assert render(flow, flow.response)[0] == "Turn"


@pytest.mark.parametrize(
    ("path", "answer", "view"),
    [
        ("/api/weather", {"model": "gfs", "input": [1]}, "JSON"),
        ("/api/errors", {"error": "x"}, "JSON"),
        ("/v1/responses", {"status": "ok"}, "JSON"),
        ("/v1/messages", b"<html><body>502</body></html>", "XML/HTML"),
    ],
)
def test_other_traffic_keeps_mitmproxy_s_own_views(path: str, answer: Any, view: str) -> None:
    flow = model_flow(path, {"a": 1}, answer, "text/html" if isinstance(answer, bytes) else "application/json")
    assert (render(flow, flow.request)[0], render(flow, flow.response)[0]) == ("JSON", view)


def test_a_guess_that_was_wrong_shows_json() -> None:
    flow = model_flow("/v1/responses", {"model": "x"}, RESPONSE)
    assert render(flow, flow.request) == ("Turn", '{\n    "model": "x"\n}')


def test_a_guess_that_was_wrong_shows_raw_what_is_no_json() -> None:
    flow = model_flow("/v1/responses", {"model": "x"}, b'{"model": broken')
    assert render(flow, flow.response) == ("Raw", '{"model": broken')


def test_an_attempt_tells_where_it_went_and_how_long_it_took() -> None:
    route = json.dumps({"dialect": {"think_tags": True, "effort": "thinking"}})
    flow = model_flow(
        "/odd/path", REQUEST, STREAM, "text/event-stream", **{SIDE: "upstream", SPEC: route, TIMES: "420 500 3100"}
    )
    flow.comment = "abc, attempt 1: zai glm"
    assert render(flow, flow.request)[1].startswith(
        "abc, attempt 1: zai glm\ndialect: think_tags true · effort thinking\n \nrequest to glm"
    )
    assert render(flow, flow.response)[1].startswith(
        "abc, attempt 1: zai glm\n3 pieces: first after 420 ms, last after 3.10 s, longest pause 2.60 s\n \nanswer of glm"
    )


def test_the_client_s_side_tells_what_was_lost() -> None:
    flow = model_flow("/v1/responses", {"model": "glm", "input": "hi"}, STREAM, "text/event-stream", **{SIDE: "client"})
    flow.comment = "abc: glm -> zai glm (chat), lost tools[8]: web_search (no search upstream)"
    assert render(flow, flow.request)[1].splitlines()[0] == flow.comment


@pytest.mark.parametrize("route", ["{", "[]", '{"dialect": 3}', None, 7])
@pytest.mark.parametrize("times", [[], "x", [None], None, ["1", 2]])
def test_metadata_that_somebody_else_wrote_does_no_harm(route: Any, times: Any) -> None:
    flow = model_flow(
        "/v1/responses", REQUEST, STREAM, "text/event-stream", **{SIDE: "upstream", SPEC: route, TIMES: times}
    )
    flow.comment = ""
    assert render(flow, flow.request)[1].startswith("request to")
    assert render(flow, flow.response)[1].startswith("answer of")


def test_the_view_is_registered_once_however_often_the_script_is_loaded() -> None:
    changes: list[object] = []

    def changed(view: contentviews.Contentview) -> None:
        changes.append(view)

    with taddons.context(TurnView()):
        contentviews.registry.on_change.connect(changed)
        with taddons.context(TurnView()):
            assert contentviews.registry["turn"] is TURN
    assert changes == []
    assert "turn" in contentviews.registry.available_views()


@pytest.mark.parametrize("levels", [200, 5000])
def test_what_is_nested_too_deep_to_be_laid_out_is_shown_as_it_is(levels: int) -> None:
    """Indented, these few kB were 100 MB."""
    flow = model_flow("/v1/responses", {}, RESPONSE)
    flow.request.content = b'{"model":"m","input":' + b"[" * levels + b"]" * levels + b"}"
    view, text = render(flow, flow.request)
    assert view == "Turn"
    assert "input[0][0]" in text and len(text) < 2 * len(flow.request.content)
