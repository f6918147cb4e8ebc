"""Where questions go, from the client's bytes to the provider's."""

import json
import logging
import re
from pathlib import Path

import pytest
from mitmproxy import exceptions, http

from tests.addons.layer_harness import LayerHarness, chunk, chunked_response, refusal
from tests.addons.proxy_under_test import (
    ACME,
    CODEX,
    HELLO,
    KEY,
    ROUTES,
    TARGET,
    THEIRS,
    HttpMessage,
    ProxyUnderTest,
    raw_request,
    request_body,
)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name != "mitmproxy.proxy.server"]


def test_a_request_for_a_routed_model_is_converted_there_and_back(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    sent = HttpMessage(harness.to_upstream[ACME])
    assert sent.first == "POST /v1/chat/completions HTTP/1.1"
    assert sent.headers["host"] == "acme:1"
    assert sent.json["messages"] == [{"role": "user", "content": "hi"}]
    harness.upstream_sends(HELLO)
    assert b"event: response.completed" in harness.to_client
    assert b'"text":"Hello"' in harness.to_client


def test_where_it_went_and_what_was_lost_is_in_the_flow_and_in_the_log(
    proxy_under_test: ProxyUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    harness = proxy_under_test.post(request_body(tools=[{"type": "web_search"}]))
    (line,) = lines(caplog)
    assert ": m-1 -> acme m-1 (chat), lost: tools[0]" in line
    harness.upstream_sends(HELLO)
    assert ": m-1 -> acme m-1 (chat), " in harness.flow("client").comment
    assert "lost tools[0]: web_search" in harness.flow("client").comment


def test_a_model_that_nobody_knows_passes_through_untouched(
    proxy_under_test: ProxyUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = b'{ "model":"unheard-of",   "input":"hi" }'
    sent = proxy_under_test.upstream_request(TARGET, body)
    assert sent.body == body
    assert {name: sent.headers[name] for name in CODEX} == CODEX
    assert lines(caplog) == ["unheard-of passes through to target"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("claude-opus-4-1", "set ANTHROPIC_API_KEY (for anthropic)"),
        ("openrouter/x", "no API key: set OPENROUTER_API_KEY (for openrouter) where the proxy runs"),
        ("gpt-5.5", "set OPENAI_API_KEY (for openai) or OPENCODE_API_KEY (for opencode)"),
    ],
)
def test_a_model_of_a_known_provider_without_a_key_is_refused_and_not_handed_to_the_target(
    proxy_under_test: ProxyUnderTest, model: str, message: str
) -> None:
    proxy_under_test.set(routes="")
    assert message in proxy_under_test.response_to(request_body(model)).error["message"]


def test_a_listed_model_that_the_routes_leave_out_does_not_go_to_the_target(
    proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    assert (
        "ask for deepseek/deepseek-v4-pro"
        in proxy_under_test.response_to(request_body("deepseek-v4-pro")).error["message"]
    )


@pytest.mark.parametrize("hosts", ['["target"]', '["elsewhere", "TARGET"]'])
def test_what_is_the_targets_own_passes_with_the_clients_credentials(
    proxy_under_test: ProxyUnderTest, hosts: str
) -> None:
    proxy_under_test.routes(f"[providers.openai]\nhosts = {hosts}")
    assert (
        proxy_under_test.upstream_request(TARGET, request_body("gpt-5.5")).headers["authorization"]
        == CODEX["authorization"]
    )


def test_nothing_passes_where_the_user_says_never(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.set(pass_through="never")
    response = proxy_under_test.response_to(request_body("unheard-of"))
    assert (response.status, response.error["code"]) == (400, "invalid_prompt")
    assert "pass_through" in response.error["message"]
    harness = proxy_under_test.get("/v1/files")
    assert harness.to_upstream == {}
    assert list(proxy_under_test.post(request_body()).to_upstream) == [ACME], "what is routed is"


def test_anything_that_is_no_model_request_passes_through(proxy_under_test: ProxyUnderTest) -> None:
    for path in ("/v1/embeddings", "/v1/responses/resp_1/cancel"):
        harness = LayerHarness(proxy_under_test)
        harness.client_sends(raw_request("POST", path, b'{"input":"hi"}'))
        assert HttpMessage(harness.to_upstream[TARGET]).body == b'{"input":"hi"}'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1//responses/%69nput_tokens"),
        ("POST", "/v1/responses/whatever/comes"),
        ("PUT", "/v1/responses"),
    ],
)
def test_what_is_no_request_of_a_model_that_is_served_here_is_refused(
    proxy_under_test: ProxyUnderTest, method: str, path: str
) -> None:
    for model, goes in (("m-1", []), ("claude-opus-5", []), ("unheard-of", [TARGET])):
        harness = LayerHarness(proxy_under_test, set_options={"stream_large_bodies": "1k"})
        harness.client_sends(raw_request(method, path, request_body(model, input="x" * 2000)))
        assert list(harness.to_upstream) == goes
    harness = LayerHarness(proxy_under_test)
    harness.client_sends(raw_request(method, path, b"{"))
    assert harness.to_upstream == {}
    assert "not JSON" in HttpMessage(harness.to_client).error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses%20", "/v1/responses\\", "/x"])
def test_what_names_a_model_of_another_provider_is_refused_on_every_path(
    proxy_under_test: ProxyUnderTest, path: str
) -> None:
    for model, goes in (("m-1", []), ("claude-opus-5", []), ("unheard-of", [TARGET])):
        for body in (request_body(model), b"\n " + request_body(model)):
            harness = LayerHarness(proxy_under_test)
            harness.client_sends(raw_request("POST", path, body))
            assert list(harness.to_upstream) == goes
    for body in (b"", b"[1]", b"{", b'{"model":5}', b"model=m-1", b"\xff"):
        harness = LayerHarness(proxy_under_test)
        harness.client_sends(raw_request("POST", path, body))
        assert HttpMessage(harness.to_upstream[TARGET]).body == body


def test_the_models_own_provider_may_be_the_target_of_another_path(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.routes(ROUTES.replace("http://acme:1/v1", f"http://target:{TARGET}/v1"))
    harness = LayerHarness(proxy_under_test)
    harness.client_sends(raw_request("POST", "/v1/embeddings", request_body("m-1")))
    assert list(harness.to_upstream) == [TARGET]


SPELLED = (
    "/v1//responses",
    "//v1/responses",
    "/v1/%72esponses",
    "/v1/x/../responses",
    "/V1/Responses",
    "/v1/responses;x",
)


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/responses", "/responses", "/v1/responses/", "/v1/responses?stream=1", "/backend-api/codex/responses"),
        *SPELLED,
    ],
)
def test_a_request_is_known_by_its_path(proxy_under_test: ProxyUnderTest, path: str) -> None:
    assert list(proxy_under_test.post(request_body(), path=path).to_upstream) == [ACME]


def test_a_route_whose_key_is_missing_says_which_to_set(
    proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_KEY")
    response = proxy_under_test.response_to(request_body())
    assert response.status == 400
    assert response.error["code"] == "invalid_prompt"
    assert "ACME_KEY (for acme)" in response.error["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"input":"hi"}', "names no model"),
        (b'{"model":null}', "names no model"),
        (b'{"model":["m-1"]}', "names no model"),
        (b'{"model":"m-1","input":7}', "input"),
        (b'{"model":"m-1","input":[{"role":"user","content":[{"type":["x"]}]}]}', "input[0].content[0].type"),
        (b'{"model":"m-1","input":[{"type":["x"]}]}', "input[0].type"),
        (b'{"model":"m-1","input":"hi","tools":[%b]}' % (b'{"a":' * 260 + b"{}" + b"}" * 260), "tools[0].a.a"),
        (b'{"model":"m-1","input":"\\ud83d","metadata":%b}' % (b"[" * 5000 + b"]" * 5000), "metadata[0][0]"),
    ],
    ids=lambda value: value[:60] if isinstance(value, bytes) else None,
)
@pytest.mark.parametrize("headers", [CODEX, {}])
def test_a_body_that_is_no_request_is_reported_in_json(
    proxy_under_test: ProxyUnderTest, body: bytes, message: str, headers: dict[str, str]
) -> None:
    response = proxy_under_test.response_to(body, headers)
    assert (response.status, response.headers["content-type"]) == (400, "application/json")
    assert message in response.error["message"]


def test_a_compaction_is_answered_by_one_body(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body(stream=False), path="/v1/responses/compact")
    assert HttpMessage(harness.to_upstream[ACME]).first == "POST /v1/chat/completions HTTP/1.1"
    harness.upstream_sends(HELLO)
    response = HttpMessage(harness.to_client)
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert "compaction" in [item["type"] for item in response.json["output"]]


def deep(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {'a"b\\': schema}}
    return schema


@pytest.mark.parametrize(
    "fields",
    [
        {"input": [{"type": "message", "role": "user", "content": [{"type": ["x"]}]}]},
        {"input": [{"type": ["x"]}]},
        {"tools": [{"type": "function", "name": "f", "parameters": deep(130)}]},
        {"tools": [{"type": "function", "name": "f", "parameters": deep(400)}]},
        {"metadata": {"n": 10**40}},
    ],
    ids=["part", "item", "260 levels", "800 levels", "large number"],
)
@pytest.mark.parametrize("model", ["m-1", "own-1"])
def test_a_request_that_is_hard_to_convert_never_goes_to_the_target(
    proxy_under_test: ProxyUnderTest, model: str, fields: dict[str, object]
) -> None:
    assert TARGET not in proxy_under_test.post(request_body(model, **fields)).to_upstream


# --- what is no stream, and what is cut ---


def test_a_client_that_wants_no_stream_gets_one_body(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body(stream=False), {})
    harness.upstream_sends(HELLO)
    response = HttpMessage(harness.to_client)
    assert response.json["status"] == "completed"
    assert response.json["output"][-1]["content"][0]["text"] == "Hello"


def test_a_kept_connection_that_went_stale_is_tried_once_more_and_only_once(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.flow("upstream").server_conn.timestamp_start = 1.0  # opened long before the request
    harness.upstream_closes()
    assert harness.log.count("connect 1") == 2
    harness.flow("upstream", 1).server_conn.timestamp_start = 1.0
    harness.upstream_closes()
    assert harness.log.count("connect 1") == 2
    assert HttpMessage(harness.to_client).status == 502


def test_a_fresh_connection_that_is_cut_is_not_tried_again(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.flow("upstream").server_conn.timestamp_start = 1e12
    harness.upstream_closes()
    assert harness.log.count("connect 1") == 1
    assert "acme" in HttpMessage(harness.to_client).error["message"]


# --- thinking that is refused ---

THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "of-another-account"}
THREAD = [THOUGHT, {"type": "message", "id": "msg_1", "role": "user", "content": "go on"}]
NOT_ITS_OWN = b'{"error":{"code":"invalid_encrypted_content","message":"The encrypted content could not be verified."}}'


def test_thinking_that_the_upstream_refuses_is_left_out_in_a_second_try(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body("own-gpt", input=THREAD, store=False))
    harness.upstream_sends(refusal(400, NOT_ITS_OWN), THEIRS)
    first, second = (
        json.loads(flow.request.content) for flow in (harness.flow("upstream"), harness.flow("upstream", 1))
    )
    assert first["input"] == THREAD
    assert second["input"] == [{"type": "message", "role": "user", "content": "go on"}]
    harness.upstream_sends(refusal(400, NOT_ITS_OWN), THEIRS)
    assert HttpMessage(harness.to_client).error["code"] == "invalid_encrypted_content", "and no third try"


def test_a_refusal_for_another_reason_is_reported_at_once(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body("own-gpt", input=THREAD))
    harness.upstream_sends(refusal(400, b'{"error":{"message":"bad tools"}}'), THEIRS)
    assert HttpMessage(harness.to_client).error["message"] == "bad tools"


def test_thinking_of_another_model_is_not_handed_to_the_target(proxy_under_test: ProxyUnderTest) -> None:
    """Here one that nobody wants back."""
    harness = proxy_under_test.post(request_body())
    thinking = b'{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}'
    end = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
    harness.upstream_sends(chunked_response(b"data: %b\n\ndata: %b\n\n" % (thinking, end)))
    (completed,) = re.findall(rb'data: (\{"type":"response.completed".*)', harness.to_client)
    (thought,) = json.loads(completed)["response"]["output"]
    sent = proxy_under_test.upstream_request(
        TARGET, request_body("gpt-nobody", input=[thought, THREAD[1]], store=False)
    )
    assert sent.json["input"] == [THREAD[1]]


# --- large bodies ---

LARGE = request_body(input="x" * (2 << 20))


def chunked(body: bytes) -> bytes:
    head = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(chunk(body[at : at + 60_000]) for at in range(0, len(body), 60_000)) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "raw", [raw_request("POST", "/v1/responses", LARGE), chunked(LARGE)], ids=["length", "chunked"]
)
def test_a_large_request_is_converted_though_large_bodies_are_streamed(
    proxy_under_test: ProxyUnderTest, raw: bytes
) -> None:
    harness = LayerHarness(proxy_under_test, set_options={"stream_large_bodies": "1m"})
    for at in range(0, len(raw), 64_000):
        harness.client_sends(raw[at : at + 64_000])
    assert list(harness.to_upstream) == [ACME]
    assert len(HttpMessage(harness.to_upstream[ACME]).json["messages"][0]["content"]) == 2 << 20


def test_other_large_bodies_are_streamed_as_the_user_wants(proxy_under_test: ProxyUnderTest) -> None:
    raw = raw_request("POST", "/v1/files", b"x" * (2 << 20))
    harness = LayerHarness(proxy_under_test, set_options={"stream_large_bodies": "1m"})
    harness.client_sends(raw[:100_000])
    assert len(harness.to_upstream[TARGET]) > 90_000


@pytest.mark.parametrize("status", [400, 413], ids=["codex", "other"])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_mitmproxys_own_limit_of_bodies_holds_for_requests(
    proxy_under_test: ProxyUnderTest, form: str, status: int
) -> None:
    """Codex tries a 413 again."""
    raw = raw_request("POST", "/v1/responses", LARGE) if form == "length" else chunked(LARGE)
    if status == 400:
        raw = raw.replace(b"\r\n", b"\r\noriginator: codex_exec\r\n", 1)
    else:
        raw = raw.replace(b"originator: codex", b"originator: curl", 1)
    harness = LayerHarness(proxy_under_test, set_options={"body_size_limit": "1m", "stream_large_bodies": "500k"})
    for at in range(0, len(raw), 64_000):
        harness.client_sends(raw[at : at + 64_000])
    assert harness.to_upstream == {}
    response = HttpMessage(harness.to_client)
    assert response.status == status
    assert b"body_size_limit" in response.body


# --- the routes file ---


def test_an_edit_holds_for_the_next_request(proxy_under_test: ProxyUnderTest) -> None:
    assert list(proxy_under_test.post(request_body()).to_upstream) == [ACME]
    proxy_under_test.path.write_text(ROUTES.replace("acme:1", "elsewhere:7"))
    assert list(proxy_under_test.post(request_body()).to_upstream) == [7]


def test_a_bad_edit_is_reported_with_its_place_and_changes_nothing(
    proxy_under_test: ProxyUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    proxy_under_test.path.write_text(ROUTES.replace('protocol = "chat"', 'protocol = "chatt"'))
    assert list(proxy_under_test.post(request_body()).to_upstream) == [ACME]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "providers.acme.protocol" in line


def test_bad_routes_in_the_option_are_an_options_error_with_the_place(
    proxy_under_test: ProxyUnderTest, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('[[routes]]\nmodels = "m"\nproviders = ["nobody"]')
    with pytest.raises(exceptions.OptionsError, match=r"routes\[0\]\.providers\[0\]"):
        proxy_under_test.set(routes=str(tmp_path / "bad.toml"))
    with pytest.raises(exceptions.OptionsError, match="routes"):
        proxy_under_test.set(routes=str(tmp_path / "missing.toml"))


def test_without_the_option_the_shipped_providers_are_in_force(
    proxy_under_test: ProxyUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy_under_test.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    harness = proxy_under_test.post(request_body("deepseek-v4-pro"))
    assert harness.flow("upstream").request.pretty_host == "api.deepseek.com"


# --- commands ---


def test_the_commands_can_be_typed(proxy_under_test: ProxyUnderTest) -> None:
    commands = proxy_under_test.context.master.commands
    assert commands.execute("routes.show")[0].startswith("m-* -> acme: ")
    assert list(commands.execute("keys.show")) == ["acme: ... from ACME_KEY"]
    assert "good, with 2 routes" in commands.execute("routes.check")[0]
    ours = [name for name in commands.commands if name.startswith(("routes", "keys"))]
    assert ours and all(part.isalpha() and part.islower() for name in ours for part in name.split("."))


def test_another_file_can_be_checked_before_it_is_used(proxy_under_test: ProxyUnderTest, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text("[[routes]]\nmodels = 'x'\nproviders = 'nobody'")
    response = proxy_under_test.context.master.commands.execute(f"routes.check {tmp_path / 'new.toml'}")
    assert "routes[0].providers[0]" in response[0]


def test_no_flow_holds_a_credential(proxy_under_test: ProxyUnderTest) -> None:
    harness = proxy_under_test.post(request_body())
    harness.upstream_sends(HELLO)
    flows = repr([flow.get_state() for flow in harness.flows])
    assert KEY not in flows
    assert "own-secret" not in flows
    assert HttpMessage(harness.to_upstream[ACME]).headers["authorization"] == f"Bearer {KEY}"


def test_a_request_is_converted_though_an_addon_would_stream_it(proxy_under_test: ProxyUnderTest) -> None:
    class Streaming:
        def requestheaders(self, flow: http.HTTPFlow) -> None:
            flow.request.stream = True

    proxy_under_test.addons.append(Streaming())  # type: ignore[arg-type]
    assert list(proxy_under_test.post(request_body()).to_upstream) == [ACME]
