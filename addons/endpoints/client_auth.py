"""Who may use the proxy: it adds API keys, so it listens on loopback alone, or asks every client for a token; and no
web page may use it that the user did not name.
"""

import asyncio
import hmac
import logging
import os
import socket
from collections.abc import Sequence

import orjson
from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_specs import ProxyMode

from addons import asking
from addons.conversion import is_attempt
from addons.credentials import header_secrets
from addons.endpoints import web_origins
from addons.exchanges import is_question
from addons.layer import requested_host, via_header
from addons.routing import api_keys, own_addresses
from addons.runtime import startup
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
TOKEN_HEADER = "x-transcodex-token"

_LOOKS = 100
_PAUSE = 0.02  # seconds


class Gate:
    """Refuses strangers before anything else happens, and sets the listen address where nobody did.

    The token is read from the variable that `client_token_env` names. A client sends it as `x-transcodex-token` or,
    where its own credentials are not needed upstream, as the bearer token (Codex's `env_key`).
    """

    _moved = False  # nobody chose an address: ports that were opened before us are moved
    _allowed = web_origins.Allowed()

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option(
            "client_token_env",
            str,
            "",
            "Environment variable with the token that clients must send; demanded off loopback.",
        )
        loader.add_option("allowed_hosts", Sequence[str], [], "Names of this proxy beside localhost and its address.")
        loader.add_option(
            "allowed_origins", Sequence[str], [], "Web pages that may use this proxy: https://page.example"
        )
        if not ctx.options.listen_host:
            ctx.options.update(listen_host=LOOPBACK)
            self._moved = True

    async def running(self) -> None:
        """mitmproxy opens its ports before it loads scripts: those that are open to all are opened anew on loopback."""
        proxyserver = ctx.master.addons.get("proxyserver")
        if self._moved and proxyserver is not None:
            self._moved = False
            await _reopen(proxyserver)

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "client_token_env" in updated and ctx.options.client_token_env:
            _check_token(ctx.options.client_token_env)
        if updated & {"client_token_env", "listen_host", "mode"}:
            open_to_all = [host for host in _listen_hosts() if not own_addresses.is_loopback(host)]
            if open_to_all and not self._token():
                where = open_to_all[0] or "all addresses"
                raise exceptions.OptionsError(
                    f"listening on {where} would lend your API keys to the network: set client_token_env"
                )
        if updated & {"allowed_hosts", "allowed_origins"}:
            try:
                self._allowed = web_origins.Allowed.of(ctx.options.allowed_hosts, ctx.options.allowed_origins)
            except ValueError as error:
                raise exceptions.OptionsError(str(error)) from error

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        # Whoever can replay a flow sits at the proxy itself, and what the client sent as its token is in no flow.
        if flow.response or is_attempt(flow) or flow.is_replay:
            return
        flow.response = _answer(
            500, "this proxy could not decide who is asking", "server_error"
        )  # if the next line fails
        flow.response = self._refusal(flow)
        if flow.response is not None:
            flow.request.stream = False  # mitmproxy can either stream a large body or answer

    def request(self, flow: http.HTTPFlow) -> None:
        """The token is for us alone: no upstream sees it."""
        flow.request.headers.pop(TOKEN_HEADER, None)
        if (token := self._token()) and _same(_bearer(flow), token):
            del flow.request.headers["authorization"]

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and not is_attempt(flow) and self._allowed.is_origin(flow.request):
            flow.response.headers.update(web_origins.permission(flow.request))

    def _refusal(self, flow: http.HTTPFlow) -> http.Response | None:
        request, names = flow.request, requested_host.names(flow)
        # Behind a proxy that is none of a browser's pages' business, other hosts refuse whom they like.
        if names is not None or is_question(request):
            reached_on = flow.client_conn.sockname[0] if flow.client_conn.sockname else ""
            if why := self._allowed.why_not(request, names, [reached_on, *_listen_hosts()]):
                logger.warning("refused: %s", printable(why))
                return _forbidden(request, why)
            if self._allowed.is_origin(request) and (answer := web_origins.preflight(request)):
                return answer
        if via_header.came_from_us(request):
            return _answer(400, "this request came from this very proxy, which would go round for ever", "loop")
        return (
            None
            if self._has_token(flow)
            else _answer(401, "this proxy wants its client token", "invalid_api_key", "authentication_error")
        )

    def _has_token(self, flow: http.HTTPFlow) -> bool:
        if not (token := self._token()):
            reached_on = flow.client_conn.sockname
            return not reached_on or own_addresses.is_loopback(reached_on[0])
        return any(_same(given, token) for given in _tokens(flow))

    def _token(self) -> str:
        return os.environ.get(ctx.options.client_token_env, "") if ctx.options.client_token_env else ""


def _forbidden(request: http.Request, why: str) -> http.Response:
    # Codex tries five times more after any other 403, and this one it shows.
    code = "forbidden" if asking.client_of(request) == "other" else "inference_hook_denied"
    return _answer(403, why, code)


def _answer(status: int, message: str, code: str, kind: str = "invalid_request_error") -> http.Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return http.Response.make(status, orjson.dumps({"error": error}), {"content-type": "application/json"})


def _check_token(variable: str) -> None:
    try:
        api_keys.variable(variable)
    except ValueError as error:
        raise exceptions.OptionsError(f"client_token_env: {error}") from None
    if not os.environ.get(variable):
        raise exceptions.OptionsError(f"client_token_env: the variable {variable} is not set or empty")


def _tokens(flow: http.HTTPFlow) -> tuple[str, str]:
    return header_secrets.credential(flow, TOKEN_HEADER), _bearer(flow)


def _bearer(flow: http.HTTPFlow) -> str:
    scheme, _, token = header_secrets.credential(flow, "authorization").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _listen_hosts() -> list[str]:
    """All addresses that mitmproxy will listen on: the option's, or what a mode says itself; "" is all there are."""
    return [ProxyMode.parse(spec).listen_host(ctx.options.listen_host) for spec in ctx.options.mode]


async def _reopen(proxyserver: Proxyserver) -> None:
    ports = {port for _, port, *_ in proxyserver.listen_addrs()}
    await proxyserver.servers.update([])
    for _ in range(_LOOKS):  # mitmproxy does not wait until its UDP sockets are closed, and cannot open them before
        if all(map(_is_free, ports)):
            break
        await asyncio.sleep(_PAUSE)
    await proxyserver.setup_servers()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
