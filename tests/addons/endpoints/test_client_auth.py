"""Who may use the proxy: tokens, listen addresses, web pages."""

import asyncio
import socket

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons, tflow, tutils
from mitmproxy.utils import asyncio_utils

from addons.endpoints.client_auth import TOKEN_HEADER, ClientAuth
from tests.addons.layer_harness import LayerHarness
from tests.addons.proxy_under_test import CODEX, HELLO, TARGET, HttpMessage, ProxyUnderTest, raw_request, request_body

TOKEN = "s3cret-token"


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CLIENT_TOKEN", TOKEN)
    return TOKEN


def send(auth: ClientAuth, **headers: str) -> tflow.http.HTTPFlow:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    flow = tflow.tflow(req=tutils.treq(headers=fields))
    flow.client_conn.sockname = ("127.0.0.1", 8080)
    auth.requestheaders(flow)
    auth.request(flow)
    return flow


def test_it_listens_on_loopback_by_default() -> None:
    with taddons.context(ClientAuth()) as context:
        assert context.options.listen_host == "127.0.0.1"


def test_an_address_that_the_user_chose_stays() -> None:
    with taddons.context() as context:
        context.options.update(listen_host="::1")
        context.master.addons.add(ClientAuth())
        assert context.options.listen_host == "::1"


async def test_ports_are_never_open_to_all_where_the_script_loads_before_they_are_opened() -> None:
    """As mitmproxy's programs do it: the task that opens them waits for the address while scripts are loaded."""
    server = Proxyserver()
    with taddons.context(server) as context:
        context.options.update(mode=["reverse:https://127.0.0.1:9"], listen_port=0)
        opening = asyncio_utils.create_task(server.setup_servers(), name="setup_servers", keep_ref=False)
        await asyncio.sleep(0)
        gate = ClientAuth()
        context.master.addons.add(gate)
        await asyncio.wait([opening])
        assert server.listen_addrs() == []
        await gate.running()
        assert [host for host, *_ in server.listen_addrs()] == ["127.0.0.1"] * 2
        await server.servers.update([])


async def test_a_port_that_is_taken_is_told(caplog: pytest.LogCaptureFixture) -> None:
    server = Proxyserver()
    with taddons.context(server) as context, socket.create_server(("127.0.0.1", 0)) as taken:
        context.options.update(mode=["reverse:http://127.0.0.1:9"], listen_port=taken.getsockname()[1])
        opening = asyncio_utils.create_task(server.setup_servers(), name="setup_servers", keep_ref=False)
        await asyncio.sleep(0)
        gate = ClientAuth()
        context.master.addons.add(gate)
        await asyncio.wait([opening])
        await gate.running()
    assert [record.levelname for record in caplog.records if "failed to listen on" in record.message] == ["ERROR"]


async def test_ports_that_were_open_to_all_move_to_loopback_every_time() -> None:
    """HTTP/3's as well, whose socket is closed only some time after mitmproxy has returned."""
    for _ in range(20):
        server = Proxyserver()
        with taddons.context(server) as context, socket.create_server(("", 0)) as free:
            port = free.getsockname()[1]
            free.close()
            context.options.update(mode=["reverse:https://127.0.0.1:9"], listen_port=port)
            assert await server.setup_servers()
            auth = ClientAuth()
            context.master.addons.add(auth)
            await auth.running()
            assert [(host, at) for host, at, *_ in server.listen_addrs()] == [("127.0.0.1", port)] * 2
            await server.servers.update([])


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_off_loopback_a_token_is_required(host: str, token: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context:
        with pytest.raises(exceptions.OptionsError, match="client_token_env"):
            context.configure(auth, listen_host=host)
        context.configure(auth, client_token_env="CLIENT_TOKEN", listen_host=host)


def test_an_address_in_the_mode_counts_too(token: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context:
        with pytest.raises(exceptions.OptionsError, match=r"0\.0\.0\.0"):
            context.configure(auth, mode=["reverse:http://127.0.0.1:1@0.0.0.0:8080"])  # pragma: allowlist secret
        context.configure(auth, mode=["reverse:http://127.0.0.1:1@127.0.0.1:8080"])  # pragma: allowlist secret


def test_a_variable_that_is_not_set_is_an_error() -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context, pytest.raises(exceptions.OptionsError, match="NO_SUCH_VARIABLE"):
        context.configure(auth, client_token_env="NO_SUCH_VARIABLE")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {TOKEN_HEADER: "s3cret-toke"}])
def test_without_the_token_requests_are_refused(headers: dict[str, str], token: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context:
        context.configure(auth, client_token_env="CLIENT_TOKEN")
        response = send(auth, **headers).response
        assert response is not None
        assert response.status_code == 401


@pytest.mark.parametrize("headers", [{TOKEN_HEADER: TOKEN}, {"authorization": f"Bearer {TOKEN}"}])
def test_the_token_is_accepted_and_not_forwarded(headers: dict[str, str], token: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context:
        context.configure(auth, client_token_env="CLIENT_TOKEN")
        flow = send(auth, **headers)
        assert flow.response is None
        assert TOKEN not in str(flow.request.headers)


def test_a_replayed_flow_needs_no_token(token: str) -> None:
    auth, flow = ClientAuth(), tflow.tflow()
    flow.is_replay = "request"
    with taddons.context(auth) as context:
        context.configure(auth, client_token_env="CLIENT_TOKEN")
        auth.requestheaders(flow)
    assert flow.response is None


def test_the_clients_own_credentials_stay_beside_the_token(token: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context:
        context.configure(auth, client_token_env="CLIENT_TOKEN")
        flow = send(auth, **{TOKEN_HEADER: TOKEN, "authorization": "Bearer sk-own"})
        assert flow.request.headers["authorization"] == "Bearer sk-own"


def test_without_a_token_requests_off_loopback_are_refused() -> None:
    auth = ClientAuth()
    with taddons.context(auth):
        flow = tflow.tflow()
        flow.client_conn.sockname = ("192.168.1.5", 8080)
        auth.requestheaders(flow)
        assert flow.response is not None
        assert flow.response.status_code == 401


def test_without_a_token_requests_on_loopback_are_accepted() -> None:
    auth = ClientAuth()
    with taddons.context(auth):
        assert send(auth).response is None


def test_a_refusal_is_sent_though_the_large_body_would_be_streamed(
    token: str, proxy_under_test: ProxyUnderTest
) -> None:
    proxy_under_test.set(client_token_env="CLIENT_TOKEN")
    harness = LayerHarness(proxy_under_test, set_options={"stream_large_bodies": "1k"})
    harness.client_sends(raw_request("POST", "/v1/files", b"x" * 5000, {}))
    assert harness.to_upstream == {}
    assert HttpMessage(harness.to_client).status == 401


REVERSE = "reverse:http://h:1"


@pytest.mark.parametrize("mode", [f"{REVERSE}@:9000", "regular@:8080", "regular@*:8080", "regular@0:80"])
def test_a_mode_that_names_no_address_listens_on_all(mode: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context, pytest.raises(exceptions.OptionsError, match="client_token_env"):
        context.configure(auth, mode=[mode])


@pytest.mark.parametrize("mode", ["regular@8080", "regular@localhost:1", "regular@::1:1", f"{REVERSE}@127.1:9"])
def test_a_mode_on_loopback_needs_no_token(mode: str) -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context:
        context.configure(auth, mode=[mode])


def test_a_token_that_was_pasted_as_the_variables_name_is_not_repeated() -> None:
    auth = ClientAuth()
    with taddons.context(auth) as context, pytest.raises(exceptions.OptionsError) as refused:
        context.configure(auth, client_token_env="my-s3cret-token")
    assert "s3cret" not in str(refused.value)


# --- web pages ---

REVERSE = "reverse:http://target:80"
PAGE = "https://page.example"


def browse(
    proxy_under_test: ProxyUnderTest, raw: bytes, *, reached_on: str = "127.0.0.1", mode: str = REVERSE
) -> LayerHarness:
    harness = LayerHarness(
        proxy_under_test, mode=mode, reached_on=reached_on, set_options={"stream_large_bodies": "1k"}
    )
    harness.client_sends(raw)
    return harness


def refused(harness: LayerHarness) -> HttpMessage:
    assert harness.to_upstream == {}
    assert not [entry for entry in harness.log if entry == "next_attempt"]
    response = HttpMessage(harness.to_client)
    assert not [name for name in response.headers if name.startswith("access-control")]
    return response


ENDPOINTS = [
    *(("POST", "/v1/responses"), ("POST", "/v1/responses/compact"), ("GET", "/v1/models"), ("GET", "/health")),
    *(("GET", "/v1/responses"), ("POST", "/v1/files"), ("GET", "/"), ("OPTIONS", "/v1/responses"), ("PUT", "/x")),
]
FOREIGN_PAGES: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"host": "rebound.example:8080"},
    {"host": "rebound.example:8080", "origin": "http://rebound.example:8080", "sec-fetch-site": "same-origin"},
    {"origin": "https://evil.example", "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"},
]


@pytest.mark.parametrize("headers", FOREIGN_PAGES)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a_foreign_page_is_refused_at_every_endpoint(
    proxy_under_test: ProxyUnderTest, method: str, path: str, headers: dict[str, str]
) -> None:
    headers = {"host": "127.0.0.1", "content-type": "text/plain"} | headers
    assert refused(browse(proxy_under_test, raw_request(method, path, request_body(), headers))).status == 403
    assert refused(browse(proxy_under_test, raw_request(method, path, b"x" * 5000, headers))).status == 403


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
def test_a_request_without_one_valid_host_is_refused(proxy_under_test: ProxyUnderTest, raw: bytes) -> None:
    assert refused(browse(proxy_under_test, raw)).status == 403


def test_codex_gets_a_code_that_it_does_not_retry(proxy_under_test: ProxyUnderTest) -> None:
    response = refused(
        browse(proxy_under_test, raw_request("POST", "/v1/responses", request_body(), CODEX | {"host": "box.lan"}))
    )
    assert (response.status, response.error["code"]) == (403, "inference_hook_denied")
    assert "allowed_hosts" in response.error["message"]


def test_as_a_forward_proxy_only_requests_to_other_services_pass(proxy_under_test: ProxyUnderTest) -> None:
    """Pages may reach their own hosts through the proxy, but not what it serves itself."""
    model_request = raw_request(
        "POST", "/v1/responses", request_body(), {"host": "api.example", "origin": "https://evil.example"}
    )
    assert refused(browse(proxy_under_test, model_request, mode="transparent")).status == 403
    other = raw_request("POST", "/v1/files", b"", {"host": "api.example", "origin": "https://evil.example"})
    assert browse(proxy_under_test, other, mode="transparent").to_upstream


@pytest.mark.parametrize("name", ["localhost:8080", "127.0.0.1", "[::1]:8080"])
def test_programs_on_this_machine_are_accepted(proxy_under_test: ProxyUnderTest, name: str) -> None:
    assert browse(
        proxy_under_test, raw_request("POST", "/v1/responses", request_body(), CODEX | {"host": name})
    ).to_upstream


def test_clients_in_the_network_need_the_token_and_an_own_or_allowed_host(
    proxy_under_test: ProxyUnderTest, token: str
) -> None:
    proxy_under_test.set(client_token_env="CLIENT_TOKEN")

    def status(name: str, **headers: str) -> int:
        raw = raw_request("GET", "/health", b"", {"host": name} | headers)
        return HttpMessage(browse(proxy_under_test, raw, reached_on="192.168.1.5").to_client).status

    assert status("192.168.1.5:8080", authorization=f"Bearer {token}") == 200
    assert status("192.168.1.5:8080") == 401
    assert status("box.lan", authorization=f"Bearer {token}") == 403
    proxy_under_test.set(allowed_hosts=["box.lan"])
    assert status("Box.Lan.:8080", authorization=f"Bearer {token}") == 200
    assert status("evil.example", authorization=f"Bearer {token}") == 403


def test_a_page_that_the_user_named_may_send_and_read(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.set(allowed_origins=[PAGE])
    page = {"host": "localhost", "origin": PAGE, "sec-fetch-site": "cross-site"}
    preflight = page | {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    response = HttpMessage(browse(proxy_under_test, raw_request("OPTIONS", "/v1/responses", b"", preflight)).to_client)
    assert (response.status, response.headers["access-control-allow-origin"]) == (204, PAGE)
    harness = browse(proxy_under_test, raw_request("POST", "/v1/responses", request_body(), page))
    harness.upstream_sends(HELLO)
    assert HttpMessage(harness.to_client).headers["access-control-allow-origin"] == PAGE
    assert refused(
        browse(
            proxy_under_test, raw_request("POST", "/v1/responses", request_body(), {"origin": "http://page.example"})
        )
    )


def test_a_named_page_may_read_responses_that_pass_through(proxy_under_test: ProxyUnderTest) -> None:
    proxy_under_test.set(allowed_origins=[PAGE])
    harness = browse(proxy_under_test, raw_request("GET", "/v1/files", b"", {"host": "localhost", "origin": PAGE}))
    harness.upstream_sends(
        b"HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-length: 2\r\n\r\n{}", port=TARGET
    )
    assert [
        value for name, value in HttpMessage(harness.to_client).fields if name == "access-control-allow-origin"
    ] == [PAGE]


@pytest.mark.parametrize("options", [{"allowed_origins": ["*"]}, {"allowed_hosts": ["http://x"]}])
def test_an_invalid_option_is_refused_and_the_former_one_stays(
    proxy_under_test: ProxyUnderTest, options: dict[str, list[str]]
) -> None:
    proxy_under_test.set(allowed_origins=[PAGE], allowed_hosts=["box.lan"])
    with pytest.raises(exceptions.OptionsError, match="allowed_"):
        proxy_under_test.set(**options)
    assert proxy_under_test.context.options.allowed_origins == [PAGE]
    raw = raw_request("GET", "/health", b"", {"host": "box.lan", "origin": PAGE})
    assert HttpMessage(browse(proxy_under_test, raw).to_client).status == 200


def test_a_request_is_refused_if_authentication_raises() -> None:
    """mitmproxy would log the exception and go on with the request."""
    auth, flow = ClientAuth(), tflow.tflow()
    flow.client_conn.sockname = (None, 0)  # which no connection has
    with taddons.context(auth), pytest.raises(AttributeError):
        auth.requestheaders(flow)
    assert flow.response and flow.response.status_code == 500
