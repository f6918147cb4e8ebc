"""Who may use the proxy."""

import pytest
from mitmproxy import exceptions
from mitmproxy.test import taddons, tflow, tutils

from addons.gate import TOKEN_HEADER, Gate
from tests.addons.house import House, Message, request
from tests.addons.stage import Stage

TOKEN = "s3cret-token"


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CLIENT_TOKEN", TOKEN)
    return TOKEN


def ask(gate: Gate, **headers: str) -> tflow.http.HTTPFlow:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    flow = tflow.tflow(req=tutils.treq(headers=fields))
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    gate.requestheaders(flow)
    gate.request(flow)
    return flow


def test_it_listens_on_loopback_where_nobody_says_otherwise() -> None:
    with taddons.context(Gate()) as context:
        assert context.options.listen_host == "127.0.0.1"


def test_an_address_that_the_user_chose_stays() -> None:
    with taddons.context() as context:
        context.options.update(listen_host="::1")
        context.master.addons.add(Gate())
        assert context.options.listen_host == "::1"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_off_loopback_a_token_is_demanded(host: str, token: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context:
        with pytest.raises(exceptions.OptionsError, match="client_token_env"):
            context.configure(gate, listen_host=host)
        context.configure(gate, client_token_env="CLIENT_TOKEN", listen_host=host)


def test_an_address_in_the_mode_counts_too(token: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context:
        with pytest.raises(exceptions.OptionsError, match=r"0\.0\.0\.0"):
            context.configure(gate, mode=["reverse:http://127.0.0.1:1@0.0.0.0:8080"])  # pragma: allowlist secret
        context.configure(gate, mode=["reverse:http://127.0.0.1:1@127.0.0.1:8080"])  # pragma: allowlist secret


def test_a_variable_that_is_not_set_is_an_error() -> None:
    gate = Gate()
    with taddons.context(gate) as context, pytest.raises(exceptions.OptionsError, match="NO_SUCH_VARIABLE"):
        context.configure(gate, client_token_env="NO_SUCH_VARIABLE")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {TOKEN_HEADER: "s3cret-toke"}])
def test_without_the_token_nothing_is_answered(headers: dict[str, str], token: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context:
        context.configure(gate, client_token_env="CLIENT_TOKEN")
        response = ask(gate, **headers).response
        assert response is not None
        assert response.status_code == 401


@pytest.mark.parametrize("headers", [{TOKEN_HEADER: TOKEN}, {"authorization": f"Bearer {TOKEN}"}])
def test_the_token_opens_and_goes_no_further(headers: dict[str, str], token: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context:
        context.configure(gate, client_token_env="CLIENT_TOKEN")
        flow = ask(gate, **headers)
        assert flow.response is None
        assert TOKEN not in str(flow.request.headers)


def test_a_replayed_flow_needs_no_token(token: str) -> None:
    gate, flow = Gate(), tflow.tflow()
    flow.is_replay = "request"
    with taddons.context(gate) as context:
        context.configure(gate, client_token_env="CLIENT_TOKEN")
        gate.requestheaders(flow)
    assert flow.response is None


def test_the_clients_own_credentials_stay_beside_the_token(token: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context:
        context.configure(gate, client_token_env="CLIENT_TOKEN")
        flow = ask(gate, **{TOKEN_HEADER: TOKEN, "authorization": "Bearer sk-own"})
        assert flow.request.headers["authorization"] == "Bearer sk-own"


def test_without_a_token_nobody_off_loopback_may() -> None:
    gate = Gate()
    with taddons.context(gate):
        flow = tflow.tflow()
        flow.client_conn.sockname = ("192.168.1.5", 8080)
        gate.requestheaders(flow)
        assert flow.response is not None
        assert flow.response.status_code == 401


def test_without_a_token_set_everybody_on_loopback_may() -> None:
    gate = Gate()
    with taddons.context(gate):
        assert ask(gate).response is None


def test_who_is_refused_gets_the_answer_though_a_large_body_would_be_streamed(token: str, house: House) -> None:
    house.set(client_token_env="CLIENT_TOKEN")
    stage = Stage(house, set_options={"stream_large_bodies": "1k"})
    stage.says(request("POST", "/v1/files", b"x" * 5000, {}))
    assert stage.to_upstream == {}
    assert Message(stage.to_client).status == 401
