"""Where questions go, from the client's bytes to the provider's."""

import json
import logging
import re
from pathlib import Path

import pytest
from mitmproxy import exceptions, http

from tests.addons.house import ACME, CODEX, HELLO, KEY, ROUTES, TARGET, THEIRS, House, Message, question, request
from tests.addons.stage import Stage, answer, chunk, refusal


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name != "mitmproxy.proxy.server"]


def test_a_question_for_a_routed_model_is_converted_there_and_back(house: House) -> None:
    stage = house.asked(question())
    sent = Message(stage.to_upstream[ACME])
    assert sent.first == "POST /v1/chat/completions HTTP/1.1"
    assert sent.headers["host"] == "acme:1"
    assert sent.json["messages"] == [{"role": "user", "content": "hi"}]
    stage.upstream(HELLO)
    assert b"event: response.completed" in stage.to_client
    assert b'"text":"Hello"' in stage.to_client


def test_where_it_went_and_what_was_lost_is_in_the_flow_and_in_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = house.asked(question(tools=[{"type": "web_search"}]))
    (said,) = lines(caplog)
    assert ": m-1 -> acme m-1 (chat), lost: tools[0]" in said
    stage.upstream(HELLO)
    assert ": m-1 -> acme m-1 (chat), " in stage.flow("client").comment
    assert "lost tools[0]: web_search" in stage.flow("client").comment


def test_a_model_that_nobody_knows_passes_through_untouched(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    body = b'{ "model":"unheard-of",   "input":"hi" }'
    sent = house.sent(TARGET, body)
    assert sent.body == body
    assert {name: sent.headers[name] for name in CODEX} == CODEX
    assert lines(caplog) == ["unheard-of passes through to target"]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("claude-opus-4-1", "set ANTHROPIC_API_KEY (for anthropic)"),
        ("openrouter/x", "no API key: set OPENROUTER_API_KEY (for openrouter) where the proxy runs"),
        ("gpt-5.5", "set OPENAI_API_KEY (for openai) or OPENCODE_API_KEY (for opencode)"),
    ],
)
def test_a_model_of_a_known_provider_without_a_key_is_refused_and_not_handed_to_the_target(
    house: House, model: str, says: str
) -> None:
    house.set(routes="")
    assert says in house.told(question(model)).error["message"]


def test_a_listed_model_that_the_routes_leave_out_does_not_go_to_the_target(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    assert "ask for deepseek/deepseek-v4-pro" in house.told(question("deepseek-v4-pro")).error["message"]


@pytest.mark.parametrize("hosts", ['["target"]', '["elsewhere", "TARGET"]'])
def test_what_is_the_targets_own_passes_with_the_clients_credentials(house: House, hosts: str) -> None:
    house.routes(f"[providers.openai]\nhosts = {hosts}")
    assert house.sent(TARGET, question("gpt-5.5")).headers["authorization"] == CODEX["authorization"]


def test_nothing_passes_where_the_user_says_never(house: House) -> None:
    house.set(pass_through="never")
    told = house.told(question("unheard-of"))
    assert (told.status, told.error["code"]) == (400, "invalid_prompt")
    assert "pass_through" in told.error["message"]
    stage = house.get("/v1/files")
    assert stage.to_upstream == {}
    assert list(house.asked(question()).to_upstream) == [ACME], "what is routed is"


def test_anything_that_is_no_question_passes_through(house: House) -> None:
    for path in ("/v1/embeddings", "/v1/responses/resp_1/cancel"):
        stage = Stage(house)
        stage.says(request("POST", path, b'{"input":"hi"}'))
        assert Message(stage.to_upstream[TARGET]).body == b'{"input":"hi"}'


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/v1//responses/%69nput_tokens"),
        ("POST", "/v1/responses/whatever/comes"),
        ("PUT", "/v1/responses"),
    ],
)
def test_what_is_no_question_of_a_model_that_is_served_here_is_refused(house: House, method: str, path: str) -> None:
    for model, goes in (("m-1", []), ("claude-opus-5", []), ("unheard-of", [TARGET])):
        stage = Stage(house, set_options={"stream_large_bodies": "1k"})
        stage.says(request(method, path, question(model, input="x" * 2000)))
        assert list(stage.to_upstream) == goes
    stage = Stage(house)
    stage.says(request(method, path, b"{"))
    assert stage.to_upstream == {}
    assert "not JSON" in Message(stage.to_client).error["message"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses%20", "/v1/responses\\", "/x"])
def test_what_names_a_model_of_another_provider_is_refused_on_every_path(house: House, path: str) -> None:
    for model, goes in (("m-1", []), ("claude-opus-5", []), ("unheard-of", [TARGET])):
        for body in (question(model), b"\n " + question(model)):
            stage = Stage(house)
            stage.says(request("POST", path, body))
            assert list(stage.to_upstream) == goes
    for body in (b"", b"[1]", b"{", b'{"model":5}', b"model=m-1", b"\xff"):
        stage = Stage(house)
        stage.says(request("POST", path, body))
        assert Message(stage.to_upstream[TARGET]).body == body


def test_the_models_own_provider_may_be_the_target_of_another_path(house: House) -> None:
    house.routes(ROUTES.replace("http://acme:1/v1", f"http://target:{TARGET}/v1"))
    stage = Stage(house)
    stage.says(request("POST", "/v1/embeddings", question("m-1")))
    assert list(stage.to_upstream) == [TARGET]


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
def test_a_question_is_known_by_its_path(house: House, path: str) -> None:
    assert list(house.asked(question(), path=path).to_upstream) == [ACME]


def test_a_route_whose_key_is_missing_says_which_to_set(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME_KEY")
    told = house.told(question())
    assert told.status == 400
    assert told.error["code"] == "invalid_prompt"
    assert "ACME_KEY (for acme)" in told.error["message"]


@pytest.mark.parametrize(
    ("body", "says"),
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
def test_a_body_that_is_no_question_is_told_in_json(
    house: House, body: bytes, says: str, headers: dict[str, str]
) -> None:
    told = house.told(body, headers)
    assert (told.status, told.headers["content-type"]) == (400, "application/json")
    assert says in told.error["message"]


def test_a_compaction_is_answered_by_one_body(house: House) -> None:
    stage = house.asked(question(stream=False), path="/v1/responses/compact")
    assert Message(stage.to_upstream[ACME]).first == "POST /v1/chat/completions HTTP/1.1"
    stage.upstream(HELLO)
    told = Message(stage.to_client)
    assert (told.status, told.headers["content-type"]) == (200, "application/json")
    assert "compaction" in [item["type"] for item in told.json["output"]]


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
def test_a_question_that_is_hard_to_convert_never_goes_to_the_target(
    house: House, model: str, fields: dict[str, object]
) -> None:
    assert TARGET not in house.asked(question(model, **fields)).to_upstream


# --- what is no stream, and what is cut ---


def test_a_client_that_asks_for_no_stream_gets_one_body(house: House) -> None:
    stage = house.asked(question(stream=False), {})
    stage.upstream(HELLO)
    told = Message(stage.to_client)
    assert told.json["status"] == "completed"
    assert told.json["output"][-1]["content"][0]["text"] == "Hello"


def test_a_kept_connection_that_went_stale_is_tried_once_more_and_only_once(house: House) -> None:
    stage = house.asked(question())
    stage.flow("upstream").server_conn.timestamp_start = 1.0  # opened long before the question
    stage.upstream_closes()
    assert stage.log.count("connect 1") == 2
    stage.flow("upstream", 1).server_conn.timestamp_start = 1.0
    stage.upstream_closes()
    assert stage.log.count("connect 1") == 2
    assert Message(stage.to_client).status == 502


def test_a_fresh_connection_that_is_cut_is_not_tried_again(house: House) -> None:
    stage = house.asked(question())
    stage.flow("upstream").server_conn.timestamp_start = 1e12
    stage.upstream_closes()
    assert stage.log.count("connect 1") == 1
    assert "acme" in Message(stage.to_client).error["message"]


# --- thinking that is refused ---

THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "of-another-account"}
THREAD = [THOUGHT, {"type": "message", "id": "msg_1", "role": "user", "content": "go on"}]
NOT_ITS_OWN = b'{"error":{"code":"invalid_encrypted_content","message":"The encrypted content could not be verified."}}'


def test_thinking_that_the_upstream_refuses_is_left_out_in_a_second_try(house: House) -> None:
    stage = house.asked(question("own-gpt", input=THREAD, store=False))
    stage.upstream(refusal(400, NOT_ITS_OWN), THEIRS)
    first, second = (json.loads(flow.request.content) for flow in (stage.flow("upstream"), stage.flow("upstream", 1)))
    assert first["input"] == THREAD
    assert second["input"] == [{"type": "message", "role": "user", "content": "go on"}]
    stage.upstream(refusal(400, NOT_ITS_OWN), THEIRS)
    assert Message(stage.to_client).error["code"] == "invalid_encrypted_content", "and no third try"


def test_a_refusal_for_another_reason_is_told_at_once(house: House) -> None:
    stage = house.asked(question("own-gpt", input=THREAD))
    stage.upstream(refusal(400, b'{"error":{"message":"bad tools"}}'), THEIRS)
    assert Message(stage.to_client).error["message"] == "bad tools"


def test_thinking_of_another_model_is_not_handed_to_the_target(house: House) -> None:
    """Here one that nobody wants back."""
    stage = house.asked(question())
    thinking = b'{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}'
    end = b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
    stage.upstream(answer(b"data: %b\n\ndata: %b\n\n" % (thinking, end)))
    (completed,) = re.findall(rb'data: (\{"type":"response.completed".*)', stage.to_client)
    (thought,) = json.loads(completed)["response"]["output"]
    sent = house.sent(TARGET, question("gpt-nobody", input=[thought, THREAD[1]], store=False))
    assert sent.json["input"] == [THREAD[1]]


# --- large bodies ---

LARGE = question(input="x" * (2 << 20))


def chunked(body: bytes) -> bytes:
    head = b"POST /v1/responses HTTP/1.1\r\nhost: proxy\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(chunk(body[at : at + 60_000]) for at in range(0, len(body), 60_000)) + b"0\r\n\r\n"


@pytest.mark.parametrize("raw", [request("POST", "/v1/responses", LARGE), chunked(LARGE)], ids=["length", "chunked"])
def test_a_large_question_is_converted_though_large_bodies_are_streamed(house: House, raw: bytes) -> None:
    stage = Stage(house, set_options={"stream_large_bodies": "1m"})
    for at in range(0, len(raw), 64_000):
        stage.says(raw[at : at + 64_000])
    assert list(stage.to_upstream) == [ACME]
    assert len(Message(stage.to_upstream[ACME]).json["messages"][0]["content"]) == 2 << 20


def test_other_large_bodies_are_streamed_as_the_user_wants(house: House) -> None:
    raw = request("POST", "/v1/files", b"x" * (2 << 20))
    stage = Stage(house, set_options={"stream_large_bodies": "1m"})
    stage.says(raw[:100_000])
    assert len(stage.to_upstream[TARGET]) > 90_000


@pytest.mark.parametrize("status", [400, 413], ids=["codex", "other"])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_mitmproxys_own_limit_of_bodies_holds_for_questions(house: House, form: str, status: int) -> None:
    """Codex tries a 413 again."""
    raw = request("POST", "/v1/responses", LARGE) if form == "length" else chunked(LARGE)
    if status == 400:
        raw = raw.replace(b"\r\n", b"\r\noriginator: codex_exec\r\n", 1)
    else:
        raw = raw.replace(b"originator: codex", b"originator: curl", 1)
    stage = Stage(house, set_options={"body_size_limit": "1m", "stream_large_bodies": "500k"})
    for at in range(0, len(raw), 64_000):
        stage.says(raw[at : at + 64_000])
    assert stage.to_upstream == {}
    told = Message(stage.to_client)
    assert told.status == status
    assert b"body_size_limit" in told.body


# --- the routes file ---


def test_an_edit_holds_for_the_next_request(house: House) -> None:
    assert list(house.asked(question()).to_upstream) == [ACME]
    house.path.write_text(ROUTES.replace("acme:1", "elsewhere:7"))
    assert list(house.asked(question()).to_upstream) == [7]


def test_a_bad_edit_is_told_with_its_place_and_changes_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.path.write_text(ROUTES.replace('protocol = "chat"', 'protocol = "chatt"'))
    assert list(house.asked(question()).to_upstream) == [ACME]
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "providers.acme.protocol" in said


def test_bad_routes_in_the_option_are_an_options_error_with_the_place(house: House, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[[routes]]\nmodels = "m"\nproviders = ["nobody"]')
    with pytest.raises(exceptions.OptionsError, match=r"routes\[0\]\.providers\[0\]"):
        house.set(routes=str(tmp_path / "bad.toml"))
    with pytest.raises(exceptions.OptionsError, match="routes"):
        house.set(routes=str(tmp_path / "missing.toml"))


def test_without_the_option_the_shipped_providers_are_in_force(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.set(routes="")
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    stage = house.asked(question("deepseek-v4-pro"))
    assert stage.flow("upstream").request.pretty_host == "api.deepseek.com"


# --- commands ---


def test_the_commands_can_be_typed(house: House) -> None:
    commands = house.context.master.commands
    assert commands.execute("routes.show")[0].startswith("m-* -> acme: ")
    assert "good, with 2 routes" in commands.execute("routes.check")[0]
    ours = [name for name in commands.commands if name.startswith("routes")]
    assert ours and all(part.isalpha() and part.islower() for name in ours for part in name.split("."))


def test_another_file_can_be_checked_before_it_is_used(house: House, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text("[[routes]]\nmodels = 'x'\nproviders = 'nobody'")
    told = house.context.master.commands.execute(f"routes.check {tmp_path / 'new.toml'}")
    assert "routes[0].providers[0]" in told[0]


def test_no_flow_holds_a_credential(house: House) -> None:
    stage = house.asked(question())
    stage.upstream(HELLO)
    flows = repr([flow.get_state() for flow in stage.flows])
    assert KEY not in flows
    assert "own-secret" not in flows
    assert Message(stage.to_upstream[ACME]).headers["authorization"] == f"Bearer {KEY}"


def test_a_question_is_converted_though_an_addon_would_stream_it(house: House) -> None:
    class Streaming:
        def requestheaders(self, flow: http.HTTPFlow) -> None:
            flow.request.stream = True

    house.addons.append(Streaming())  # type: ignore[arg-type]
    assert list(house.asked(question()).to_upstream) == [ACME]
