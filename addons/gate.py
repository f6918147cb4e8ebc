"""Who may use the proxy: it adds API keys, so it listens on loopback alone, or asks every client for a token."""

import hmac
import ipaddress
import os

from mitmproxy import ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from addons import withheld
from addons.conversion import is_attempt

LOOPBACK = "127.0.0.1"
TOKEN_HEADER = "x-transcodex-token"


class Gate:
    """Demands the client token on every request where one is set, and sets the listen address where nobody did.

    The token is read from the variable that `client_token_env` names. A client sends it as `x-transcodex-token` or,
    where its own credentials are not needed upstream, as the bearer token (Codex's `env_key`).
    """

    _moved = False  # nobody chose an address: ports that were opened before us are moved

    def load(self, loader: Loader) -> None:
        loader.add_option(
            "client_token_env",
            str,
            "",
            "Environment variable with the token that clients must send; demanded off loopback.",
        )
        if not ctx.options.listen_host:
            ctx.options.update(listen_host=LOOPBACK)
            self._moved = True

    async def running(self) -> None:
        """mitmproxy opens its ports before it loads scripts: those that are open to all are opened anew on loopback."""
        proxyserver = ctx.master.addons.get("proxyserver")
        if self._moved and proxyserver is not None:
            self._moved = False
            await proxyserver.servers.update([])
            await proxyserver.setup_servers()

    def configure(self, updated: set[str]) -> None:
        if "client_token_env" in updated and ctx.options.client_token_env and not self._token():
            raise exceptions.OptionsError(
                f"client_token_env: the variable {ctx.options.client_token_env} is not set or empty"
            )
        if updated & {"client_token_env", "listen_host", "mode"}:
            open_to_all = [host for host in _listen_hosts() if not _is_loopback(host)]
            if open_to_all and not self._token():
                raise exceptions.OptionsError(
                    f"listening on {open_to_all[0]} would lend your API keys to the network: set client_token_env"
                )

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        token = self._token()
        # Whoever can replay a flow sits at the proxy itself, and what the client sent as its token is in no flow.
        reached_on = flow.client_conn.sockname
        if (
            flow.response
            or is_attempt(flow)
            or flow.is_replay
            or (not token and (not reached_on or _is_loopback(reached_on[0])))
        ):
            return
        if token and any(_same(given, token) for given in _tokens(flow)):
            return
        flow.request.stream = False  # mitmproxy can either stream a large body or answer
        flow.response = http.Response.make(
            401,
            b'{"error":{"message":"this proxy wants its client token","type":"authentication_error","param":null,'
            b'"code":"invalid_api_key"}}',
            {"content-type": "application/json"},
        )

    def request(self, flow: http.HTTPFlow) -> None:
        """The token is for us alone: no upstream sees it."""
        flow.request.headers.pop(TOKEN_HEADER, None)
        if (token := self._token()) and _same(_bearer(flow), token):
            del flow.request.headers["authorization"]

    def _token(self) -> str:
        return os.environ.get(ctx.options.client_token_env, "") if ctx.options.client_token_env else ""


def _tokens(flow: http.HTTPFlow) -> tuple[str, str]:
    return withheld.credential(flow, TOKEN_HEADER), _bearer(flow)


def _bearer(flow: http.HTTPFlow) -> str:
    scheme, _, token = withheld.credential(flow, "authorization").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _listen_hosts() -> list[str]:
    """All addresses that mitmproxy will listen on: the option's, and those that a mode names itself (`@host:port`)."""
    named = [spec.rpartition("@")[2].rpartition(":")[0].strip("[]") for spec in ctx.options.mode if "@" in spec]
    return [host for host in named if host] + ([ctx.options.listen_host] if len(named) < len(ctx.options.mode) else [])


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
        return (getattr(address, "ipv4_mapped", None) or address).is_loopback
    except ValueError:
        return False
