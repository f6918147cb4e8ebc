"""Authenticates clients, since the proxy adds API keys to their requests.

It listens on loopback only, or requires a token from every client. Web pages may use it only if the user named them.
"""

import asyncio
import hmac
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress

import orjson
from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_specs import ProxyMode

from addons.credentials import header_secrets
from addons.endpoints import web_origins
from addons.exchange.client_request import client_of, is_model_request
from addons.exchange.flow_metadata import is_attempt
from addons.layer import requested_host, via_header
from addons.routing import api_keys, own_addresses
from addons.runtime import startup
from addons.runtime.printable import printable

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
TOKEN_HEADER = "x-transcodex-token"

_MAX_POLLS = 100
_POLL_SECONDS = 0.02


class ClientAuth:
    """Refuses unauthorized requests before any other addon sees them, and sets the default listen address.

    The token is read from the variable that `client_token_env` names. A client sends it as `x-transcodex-token` or,
    where its own credentials are not needed upstream, as the bearer token (Codex's `env_key`).
    """

    _must_reopen = False  # the default address is in force: ports that are open already must move to it
    _allowed = web_origins.Allowed()

    @startup.one_line()
    def load(self, loader: Loader) -> None:
        loader.add_option(
            "client_token_env",
            str,
            "",
            "Environment variable with the token that clients must send; required off loopback.",
        )
        loader.add_option(
            "allowed_hosts", Sequence[str], [], "Host names of this proxy beside localhost and its address."
        )
        loader.add_option(
            "allowed_origins", Sequence[str], [], "Web pages that may use this proxy: https://page.example"
        )
        if not ctx.options.listen_host:
            ctx.options.update(listen_host=LOOPBACK)
            self._must_reopen = True
            _cancel_opening()

    async def running(self) -> None:
        """Opens on loopback what mitmproxy opened, or was about to open, on all addresses."""
        proxyserver = ctx.master.addons.get("proxyserver")
        if self._must_reopen and proxyserver is not None:
            self._must_reopen = False
            await _reopen(proxyserver)

    @startup.one_line()
    def configure(self, updated: set[str]) -> None:
        if "client_token_env" in updated and ctx.options.client_token_env:
            _check_token(ctx.options.client_token_env)
        if updated & {"client_token_env", "listen_host", "mode"}:
            exposed = [host for host in _listen_hosts() if not own_addresses.is_loopback(host)]
            if exposed and not self._token():
                address = exposed[0] or "all addresses"
                raise exceptions.OptionsError(
                    f"listening on {address} would let anyone in the network use your API keys: set client_token_env"
                )
        if updated & {"allowed_hosts", "allowed_origins"}:
            try:
                self._allowed = web_origins.Allowed.of(ctx.options.allowed_hosts, ctx.options.allowed_origins)
            except ValueError as error:
                raise exceptions.OptionsError(str(error)) from error

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        # Only a user of mitmproxy itself can replay flows, and no flow holds the client token.
        if flow.response or is_attempt(flow) or flow.is_replay:
            return
        # Stays if the next line raises, since mitmproxy would go on with the request.
        flow.response = _error(500, "this proxy could not authenticate the client", "server_error")
        flow.response = self._refusal(flow)
        if flow.response is not None:
            flow.request.stream = False  # mitmproxy sends no response of ours while it streams a large body

    def request(self, flow: http.HTTPFlow) -> None:
        """Removes the token, which no upstream may see."""
        flow.request.headers.pop(TOKEN_HEADER, None)
        if (token := self._token()) and _is_same(_bearer(flow), token):
            del flow.request.headers["authorization"]

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        if flow.response and not is_attempt(flow) and self._allowed.is_origin(flow.request):
            flow.response.headers.update(web_origins.permission(flow.request))

    def _refusal(self, flow: http.HTTPFlow) -> http.Response | None:
        request, names = flow.request, requested_host.names(flow)
        # As a forward proxy for other hosts this is not concerned with web pages: those hosts decide themselves.
        if names is not None or is_model_request(request):
            own_host = flow.client_conn.sockname[0] if flow.client_conn.sockname else ""
            if reason := self._allowed.why_not(request, names, [own_host, *_listen_hosts()]):
                logger.warning("refused: %s", printable(reason))
                return _forbidden(request, reason)
            if self._allowed.is_origin(request) and (response := web_origins.preflight(request)):
                return response
        if via_header.came_from_us(request):
            return _error(400, "this request came from this very proxy: it would loop for ever", "loop")
        if self._has_token(flow):
            return None
        return _error(401, "this proxy wants its client token", "invalid_api_key", "authentication_error")

    def _has_token(self, flow: http.HTTPFlow) -> bool:
        if not (token := self._token()):
            own_address = flow.client_conn.sockname
            return not own_address or own_addresses.is_loopback(own_address[0])
        sent = (header_secrets.credential(flow, TOKEN_HEADER), _bearer(flow))
        return any(_is_same(candidate, token) for candidate in sent)

    def _token(self) -> str:
        return os.environ.get(ctx.options.client_token_env, "") if ctx.options.client_token_env else ""


def _forbidden(request: http.Request, message: str) -> http.Response:
    # Codex shows the message of this code at once, and retries any other 403 five times.
    code = "forbidden" if client_of(request) == "other" else "inference_hook_denied"
    return _error(403, message, code)


def _error(status: int, message: str, code: str, kind: str = "invalid_request_error") -> http.Response:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return http.Response.make(status, orjson.dumps({"error": error}), {"content-type": "application/json"})


def _check_token(variable: str) -> None:
    try:
        api_keys.variable(variable)
    except ValueError as error:
        raise exceptions.OptionsError(f"client_token_env: {error}") from None
    if not os.environ.get(variable):
        raise exceptions.OptionsError(f"client_token_env: the variable {variable} is not set or empty")


def _bearer(flow: http.HTTPFlow) -> str:
    scheme, _, token = header_secrets.credential(flow, "authorization").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _is_same(candidate: str, token: str) -> bool:
    return hmac.compare_digest(candidate.encode("utf-8", "surrogateescape"), token.encode())


def _listen_hosts() -> list[str]:
    """The addresses on which mitmproxy will listen: each mode's own, or the option's; "" means all addresses."""
    return [ProxyMode.parse(spec).listen_host(ctx.options.listen_host) for spec in ctx.options.mode]


def _cancel_opening() -> None:
    """mitmproxy loads scripts while its task that opens ports has read the address and has not opened any port yet."""
    with suppress(RuntimeError):  # no loop runs: no port is about to be opened
        for task in asyncio.all_tasks():
            if task.get_name().startswith("setup_servers"):
                task.cancel()


async def _reopen(proxyserver: Proxyserver) -> None:
    if not any(server.is_running for server in proxyserver.servers):
        for failed in await asyncio.gather(*(server.start() for server in proxyserver.servers), return_exceptions=True):
            if failed:
                logger.error("%s", failed)  # at which mitmproxy ends, as when it opens them itself
        return
    ports = {port for _, port, *_ in proxyserver.listen_addrs()}
    await proxyserver.servers.update([])
    for _ in range(_MAX_POLLS):  # mitmproxy does not wait until its UDP sockets are closed
        if all(map(_is_free, ports)):
            break
        await asyncio.sleep(_POLL_SECONDS)
    await proxyserver.setup_servers()


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
