"""Who may use the proxy."""

import socket

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons, tflow, tutils

from addons.endpoints.client_auth import TOKEN_HEADER, Gate
from tests.addons.house import CODEX, HELLO, TARGET, House, Message, question, request
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


async def test_ports_that_were_open_to_all_move_to_loopback_every_time() -> None:
    """HTTP/3's as well, whose socket the system has back only a moment after mitmproxy has closed it."""
    for _ in range(20):
        server = Proxyserver()
        with taddons.context(server) as context, socket.create_server(("", 0)) as free:
            port = free.getsockname()[1]
            free.close()
            context.options.update(mode=["reverse:https://127.0.0.1:9"], listen_port=port)
            assert await server.setup_servers()
            gate = Gate()
            context.master.addons.add(gate)
            await gate.running()
            assert [(host, at) for host, at, *_ in server.listen_addrs()] == [("127.0.0.1", port)] * 2
            await server.servers.update([])


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


REVERSE = "reverse:http://h:1"


@pytest.mark.parametrize("mode", [f"{REVERSE}@:9000", "regular@:8080", "regular@*:8080", "regular@0:80"])
def test_a_mode_that_names_no_address_listens_on_all(mode: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context, pytest.raises(exceptions.OptionsError, match="client_token_env"):
        context.configure(gate, mode=[mode])


@pytest.mark.parametrize("mode", ["regular@8080", "regular@localhost:1", "regular@::1:1", f"{REVERSE}@127.1:9"])
def test_a_mode_on_loopback_needs_no_token(mode: str) -> None:
    gate = Gate()
    with taddons.context(gate) as context:
        context.configure(gate, mode=[mode])


def test_a_token_that_was_pasted_as_the_variables_name_is_not_repeated() -> None:
    gate = Gate()
    with taddons.context(gate) as context, pytest.raises(exceptions.OptionsError) as refused:
        context.configure(gate, client_token_env="my-s3cret-token")
    assert "s3cret" not in str(refused.value)


# --- web pages ---

REVERSE = "reverse:http://target:80"
PAGE = "https://page.example"


def browsed(house: House, raw: bytes, *, reached_on: str = "127.0.0.1", mode: str = REVERSE) -> Stage:
    stage = Stage(house, mode=mode, reached_on=reached_on, set_options={"stream_large_bodies": "1k"})
    stage.says(raw)
    return stage


def refused(stage: Stage) -> Message:
    assert stage.to_upstream == {}
    assert not [entry for entry in stage.log if entry == "next_attempt"]
    told = Message(stage.to_client)
    assert not [name for name in told.headers if name.startswith("access-control")]
    return told


WAYS = [
    *(("POST", "/v1/responses"), ("POST", "/v1/responses/compact"), ("GET", "/v1/models"), ("GET", "/health")),
    *(("GET", "/v1/responses"), ("POST", "/v1/files"), ("GET", "/"), ("OPTIONS", "/v1/responses"), ("PUT", "/x")),
]
STRANGERS: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"host": "rebound.example:8080"},
    {"host": "rebound.example:8080", "origin": "http://rebound.example:8080", "sec-fetch-site": "same-origin"},
    {"origin": "https://evil.example", "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"},
]


@pytest.mark.parametrize("headers", STRANGERS)
@pytest.mark.parametrize(("method", "path"), WAYS)
def test_a_strangers_page_gets_nothing_on_any_way(
    house: House, method: str, path: str, headers: dict[str, str]
) -> None:
    headers = {"host": "127.0.0.1", "content-type": "text/plain"} | headers
    assert refused(browsed(house, request(method, path, question(), headers))).status == 403
    assert refused(browsed(house, request(method, path, b"x" * 5000, headers))).status == 403


@pytest.mark.parametrize(
    "raw",
    [
        b"GET http://rebound.example/health HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost:99999\r\n\r\n",
    ],
)
def test_who_does_not_say_plainly_whom_he_wants_gets_nothing(house: House, raw: bytes) -> None:
    assert refused(browsed(house, raw)).status == 403


def test_codex_is_told_so_that_it_does_not_try_again(house: House) -> None:
    told = refused(browsed(house, request("POST", "/v1/responses", question(), CODEX | {"host": "box.lan"})))
    assert (told.status, told.error["code"]) == (403, "inference_hook_denied")
    assert "allowed_hosts" in told.error["message"]


def test_no_page_may_ask_where_browsers_take_us_for_a_proxy(house: House) -> None:
    """There a page speaks to its own hosts through us, which is no business of ours; but what we answer is."""
    asked = request("POST", "/v1/responses", question(), {"host": "api.example", "origin": "https://evil.example"})
    assert refused(browsed(house, asked, mode="transparent")).status == 403
    other = request("POST", "/v1/files", b"", {"host": "api.example", "origin": "https://evil.example"})
    assert browsed(house, other, mode="transparent").to_upstream


@pytest.mark.parametrize("name", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_programs_on_this_machine_may(house: House, name: str) -> None:
    assert browsed(house, request("POST", "/v1/responses", question(), CODEX | {"host": name})).to_upstream


def test_clients_of_the_network_may_with_the_token_by_the_address_or_an_allowed_name(house: House, token: str) -> None:
    house.set(client_token_env="CLIENT_TOKEN")

    def status(name: str, **headers: str) -> int:
        raw = request("GET", "/health", b"", {"host": name} | headers)
        return Message(browsed(house, raw, reached_on="192.168.1.5").to_client).status

    assert status("192.168.1.5:8080", authorization=f"Bearer {token}") == 200
    assert status("192.168.1.5:8080") == 401
    assert status("box.lan", authorization=f"Bearer {token}") == 403
    house.set(allowed_hosts=["box.lan"])
    assert status("Box.Lan.:8080", authorization=f"Bearer {token}") == 200
    assert status("evil.example", authorization=f"Bearer {token}") == 403


def test_a_page_that_the_user_named_may_ask_and_read(house: House) -> None:
    house.set(allowed_origins=[PAGE])
    page = {"host": "localhost", "origin": PAGE, "sec-fetch-site": "cross-site"}
    wanted = page | {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    told = Message(browsed(house, request("OPTIONS", "/v1/responses", b"", wanted)).to_client)
    assert (told.status, told.headers["access-control-allow-origin"]) == (204, PAGE)
    stage = browsed(house, request("POST", "/v1/responses", question(), page))
    stage.upstream(HELLO)
    assert Message(stage.to_client).headers["access-control-allow-origin"] == PAGE
    assert refused(browsed(house, request("POST", "/v1/responses", question(), {"origin": "http://page.example"})))


def test_a_named_page_reads_what_passes_through_whatever_the_target_allows(house: House) -> None:
    house.set(allowed_origins=[PAGE])
    stage = browsed(house, request("GET", "/v1/files", b"", {"host": "localhost", "origin": PAGE}))
    stage.upstream(b"HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-length: 2\r\n\r\n{}", port=TARGET)
    assert [value for name, value in Message(stage.to_client).fields if name == "access-control-allow-origin"] == [PAGE]


@pytest.mark.parametrize("options", [{"allowed_origins": ["*"]}, {"allowed_hosts": ["http://x"]}])
def test_what_cannot_be_allowed_is_refused_and_what_was_allowed_stays(
    house: House, options: dict[str, list[str]]
) -> None:
    house.set(allowed_origins=[PAGE], allowed_hosts=["box.lan"])
    with pytest.raises(exceptions.OptionsError, match="allowed_"):
        house.set(**options)
    assert house.context.options.allowed_origins == [PAGE]
    raw = request("GET", "/health", b"", {"host": "box.lan", "origin": PAGE})
    assert Message(browsed(house, raw).to_client).status == 200


def test_who_cannot_be_judged_is_refused() -> None:
    """Whatever it is that fails: mitmproxy logs it and goes on with the request."""
    gate, flow = Gate(), tflow.tflow()
    flow.client_conn.sockname = (None, 0)  # which no connection has
    with taddons.context(gate), pytest.raises(AttributeError):
        gate.requestheaders(flow)
    assert flow.response and flow.response.status_code == 500
