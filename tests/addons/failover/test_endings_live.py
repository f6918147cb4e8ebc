"""How an exchange of several attempts ends, whoever does what meanwhile: once; and who gets what on the way."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.addons.intercept import Intercept

from addons.cases.case import Case
from addons.exchange.flow_metadata import ATTEMPT
from addons.failover import turn_state
from addons.routing.account import Account
from tests.addons.failover.test_failover_live import (
    ANTHROPIC_HELLO,
    Provider,
    ask,
    between,
    comments,
    ok,
    record,
    response,
)
from tests.addons.live_proxy import TIMEOUT_SECONDS, LiveProxy, live_proxy
from tests.addons.proxy_under_test import CODEX, HttpMessage, raw_request, request_body

NOTHING = (
    b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},'
    b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)
CALL = {"type": "function_call", "call_id": "call_1", "name": "run", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "done"}
AT_ONCE = "retry = { wait = 0 }"


def ends(answer: HttpMessage) -> list[bytes]:
    kinds = (b"response.completed", b"response.incomplete", b"response.failed", b"error")
    return [kind for kind in kinds for _ in range(answer.body.count(b"event: " + kind + b"\n"))]


# --- nobody has anything to say ---


@pytest.mark.parametrize("headers", [CODEX, {}], ids=["codex", "other"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_without_content_of_all_is_delivered_as_it_is(
    tmp_path: Path, headers: dict[str, str], stream: bool
) -> None:
    first, second = Provider(ok(NOTHING)), Provider(ok(NOTHING))
    async with between(tmp_path, "retry = { wait = 0, attempts = 2 }", a=first, c=second) as proxy:
        answer = await ask(proxy, headers, stream=stream)
    assert answer.status == 200 and len(first.requests) == len(second.requests) == 1
    if stream:
        assert ends(answer) == [b"response.completed"]
        assert answer.headers["content-type"] == "text/event-stream"
    else:
        assert answer.json["status"] == "completed" and answer.json["output"] == []


async def test_a_turn_goes_on_after_a_tools_output_that_nobody_answers(tmp_path: Path) -> None:
    async with between(tmp_path, AT_ONCE, a=Provider(ok(NOTHING)), c=Provider(ok(NOTHING))) as proxy:
        answer = await ask(proxy, input=[CALL, OUTPUT])
    assert ends(answer) == [b"response.completed"] and b'"end_turn":false' in answer.body


async def test_who_answers_with_nothing_for_ever_is_asked_no_more_than_the_budget_allows(tmp_path: Path) -> None:
    provider = Provider(ok(NOTHING))
    async with between(tmp_path, "retry = { attempts = 2 }", a=provider) as proxy:
        assert ends(await ask(proxy)) == [b"response.completed"]
    assert len(provider.requests) == 2


# --- a response that the upstream has forgotten ---

FORGOTTEN = response(
    400, b'{"error":{"message":"Previous response with id \'resp_1\' not found.","code":"previous_response_not_found"}}'
)
ANSWERED = record(
    type="response.completed",
    response={
        "id": "resp_2",
        "status": "completed",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}],
    },
)
HISTORY = [
    {"type": "message", "role": "user", "content": "hi"},
    {"type": "message", "role": "assistant", "content": "Hello"},
    {"type": "message", "role": "user", "content": "go on"},
]


async def test_a_previous_response_that_is_not_known_is_left_out_once(tmp_path: Path) -> None:
    upstream = Provider(FORGOTTEN, ok(ANSWERED))
    async with between(tmp_path, AT_ONCE, r=upstream) as proxy:
        answer = await ask(proxy, previous_response_id="resp_1", input=HISTORY)
    assert ends(answer) == [b"response.completed"]
    assert ["previous_response_id" in sent for _, sent in upstream.requests] == [True, False]
    assert [len(sent["input"]) for _, sent in upstream.requests] == [3, 3]


@pytest.mark.parametrize("history", [HISTORY, "go on"])
async def test_where_that_does_not_help_the_client_reads_its_code(tmp_path: Path, history: Any) -> None:
    upstream = Provider(FORGOTTEN)
    async with between(tmp_path, AT_ONCE, r=upstream) as proxy:
        answer = await ask(proxy, previous_response_id="resp_1", input=history)
    assert (answer.status, answer.error["code"]) == (400, "previous_response_not_found")
    assert len(upstream.requests) == (2 if history is HISTORY else 1)


# --- what people do meanwhile ---


def intercept(proxy: LiveProxy, what: str) -> None:
    proxy.master.addons.add(Intercept())  # type: ignore[no-untyped-call]
    proxy.master.options.update(intercept=what)


async def until(condition: Any) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_flow_that_a_person_kills_while_it_waits_is_tried_for_no_more(tmp_path: Path) -> None:
    provider = Provider(response(503, retry_after="15"), ok())
    async with between(tmp_path, a=provider) as proxy:
        asking = asyncio.create_task(
            proxy.send("POST", "/v1/responses", request_body(), CODEX),
        )
        await until(lambda: comments(proxy) and "next try" in comments(proxy)[0])
        proxy.flows[0].kill()
        assert await asking == b""
        await until(lambda: not proxy.flows[0].live)
        assert len(provider.requests) == 1
        assert "killed" in proxy.flows[0].comment


async def test_a_second_attempt_is_held_and_edited_like_any_other(tmp_path: Path) -> None:
    second = Provider(ok(ANTHROPIC_HELLO))
    async with between(tmp_path, AT_ONCE, a=Provider(response(503)), b=second) as proxy:
        intercept(proxy, "~meta attempt..2")
        asking = asyncio.create_task(ask(proxy))
        await until(lambda: len(proxy.flows) == 3 and proxy.flows[2].intercepted)
        held = proxy.flows[2]
        body = json.loads(held.request.content or b"")
        held.request.content = json.dumps(body | {"max_tokens": 7}).encode()
        proxy.master.options.update(intercept="")
        held.resume()
        assert ends(await asking) == [b"response.completed"]
    assert [sent["max_tokens"] for _, sent in second.requests] == [7]


class Stop:
    """As a person who stops the attempt of this number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.metadata.get(ATTEMPT) == self.number:
            flow.kill()


async def test_who_stops_an_attempt_stops_the_exchange(tmp_path: Path) -> None:
    second, third = Provider(ok(ANTHROPIC_HELLO)), Provider(ok())
    async with between(tmp_path, AT_ONCE, a=Provider(response(402)), b=second, c=third) as proxy:
        proxy.master.addons.add(Stop(2))  # type: ignore[no-untyped-call]
        answer = await ask(proxy)
    assert answer.status >= 400 and not second.requests and not third.requests and len(proxy.flows) == 3


async def test_an_exchange_of_three_attempts_becomes_a_case_of_what_the_client_read(tmp_path: Path) -> None:
    providers = {"a": Provider(response(402)), "c": Provider(response(503)), "b": Provider(ok(ANTHROPIC_HELLO))}
    async with between(tmp_path, AT_ONCE, **providers) as proxy:
        proxy.master.options.update(capture_dir=str(tmp_path / "cases"))
        await ask(proxy)
        assert len(proxy.flows) == 4
        proxy.command("capture.save", proxy.flows, "anthropic/third", "The third answers.")
        await asyncio.gather(*proxy.master.addons.get("capture").saving)
    case = Case.load(tmp_path / "cases" / "anthropic" / "third")
    assert case.metadata.route.provider == "b" and b"Hello" in case.client_response.data


# --- who gets what ---


async def test_a_clients_credentials_and_headers_stay_with_whom_they_are_for(tmp_path: Path) -> None:
    own, other = Provider(response(503)), Provider(ok(ANTHROPIC_HELLO))
    theirs = turn_state.prefix(Account("a")) + "state-of-a"
    async with between(tmp_path, AT_ONCE, 'auth = "client"\n', a=own, b=other) as proxy:
        headers = CODEX | {"x-codex-turn-state": theirs, "x-own": "secret-word", "cookie": "id=secret-cookie"}
        assert ends(await ask(proxy, headers)) == [b"response.completed"]
    (to_own, _), (to_other, _) = own.requests[0], other.requests[0]
    assert to_own.headers["authorization"] == CODEX["authorization"]
    assert to_own.headers["x-codex-turn-state"] == "state-of-a" and to_own.headers["x-own"] == "secret-word"
    assert "secret" not in str(to_other.fields) and "state-of-a" not in str(to_other.fields)
    assert "chatgpt-account-id" not in to_other.headers


async def test_what_passes_through_goes_nowhere_else(tmp_path: Path) -> None:
    target, provider = Provider(response(503)), Provider(ok())
    async with target.serving() as target_port, provider.serving() as port:
        routes = tmp_path / "routes.toml"
        routes.write_text(
            '[[routes]]\nmodels = ["m-*"]\nproviders = ["a"]\n'
            f'[providers.a]\nprotocol = "chat"\nbase_url = "http://127.0.0.1:{port}/v1"\nauth = "none"\n'
        )
        async with live_proxy(f"http://127.0.0.1:{target_port}", routes) as proxy:
            answer = HttpMessage(await proxy.send("POST", "/v1/responses", request_body("gpt-x"), CODEX))
            assert answer.status == 503 and (len(target.requests), len(provider.requests)) == (1, 0)
            provider.script[0] = response(503)
            routes_are_tried = HttpMessage(await proxy.send("POST", "/v1/responses", request_body(), CODEX))
            assert routes_are_tried.status >= 500 and len(target.requests) == 1


async def test_many_who_wait_and_leave_leave_nothing(tmp_path: Path) -> None:
    provider = Provider(None, ok())
    async with between(tmp_path, "limits = { concurrent = 1 }", a=provider) as proxy:
        waiting = [await asyncio.open_connection("127.0.0.1", proxy.port) for _ in range(100)]
        for _, writer in waiting:
            writer.write(raw_request("POST", "/v1/responses", request_body(), CODEX | {"host": "localhost"}))
        await until(lambda: len(proxy.flows) == 101 and provider.asked.is_set())
        for _, writer in waiting:
            writer.close()
        await until(lambda: not any(flow.live for flow in proxy.flows if isinstance(flow, http.HTTPFlow)))
        assert ends(await ask(proxy)) == [b"response.completed"]
        assert len(provider.requests) == 2
