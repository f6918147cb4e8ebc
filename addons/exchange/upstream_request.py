"""From a client's request to an attempt: the request to a provider, as a flow without credentials, and these apart."""

from mitmproxy import connection, http

from addons.credentials import header_secrets
from addons.exchange.exchange import Attempt, Exchange, Limits, Plan
from addons.exchange.response_headers import TURN_STATE
from addons.routing.endpoint import ProviderEndpoint
from converters.conversion import ClientRequest, Conversion, Upstream, passes_as_it_is
from converters.protocols import PROTOCOLS, RESPONSES

_USER_AGENT = "transcodex"  # some providers' front doors refuse requests without any

# Headers of the client that belong to its connection or its body, not to its request.
_CLIENT_CONNECTION_HEADERS = {
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"),
    *("transfer-encoding", "upgrade", "host", "via", "content-length", "content-encoding", "accept-encoding"),
}


def reverse_endpoint(request: http.Request, client_request: ClientRequest) -> ProviderEndpoint | None:
    """The reverse target as a provider, for a request that OpenAI would refuse as it is. None: let it pass."""
    if passes_as_it_is(client_request.raw):
        return None
    version = "/v1" if request.path.startswith("/v1/") else "/"
    upstream = Upstream(request.host, RESPONSES, client_request.model, PROTOCOLS[RESPONSES].dialect())
    return ProviderEndpoint(upstream, f"{request.scheme}://{request.host}:{request.port}{version}", "client")


def attempt(exchange: Exchange, plan: Plan, conversion: Conversion, *, answer_limit: int) -> Attempt:
    """The attempt that carries this conversion out; `answer_limit` is in bytes."""
    endpoint = plan.endpoint
    forwarded, own = _forwarded(exchange.flow) if endpoint.own_credentials else ({}, {})
    shown, secret = endpoint.shown_headers()
    headers = {
        "user-agent": _USER_AGENT,
        **forwarded,
        "content-type": "application/json",
        "accept": "text/event-stream" if conversion.stream else "application/json, text/event-stream",
        **conversion.headers,
        **shown,
    }
    if plan.turn_state is not None:
        headers.pop(TURN_STATE, None)
        headers |= {TURN_STATE: plan.turn_state} if plan.turn_state else {}
    flow = http.HTTPFlow(exchange.flow.client_conn, connection.Server(address=None))
    fields = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers.items()]
    flow.request = http.Request.make("POST", endpoint.url(conversion.path), conversion.body, fields)
    if own:  # not to be had again when somebody replays the attempt
        header_secrets.keep(flow, {name: header_secrets.Secret.of(value) for name, value in own.items()})
    return Attempt(
        flow,
        conversion,
        own | secret | endpoint.credentials(plan.key),
        endpoint.upstream.provider_name,
        endpoint.upstream.model,
        Limits(endpoint.connect, endpoint.first_byte, endpoint.idle, endpoint.progress, answer_limit, endpoint.whole),
        plan,
    )


def _forwarded(flow: http.HTTPFlow) -> tuple[dict[str, str], dict[str, str]]:
    """The client's own headers for a provider that takes its credentials, and these apart, see `header_secrets`."""
    headers = flow.request.headers
    stay = _CLIENT_CONNECTION_HEADERS | {name.strip().lower() for name in headers.get("connection", "").split(",")}
    shown = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in stay and not header_secrets.is_secret(name)
    }
    return shown, {name: value for name, value in header_secrets.credentials(flow).items() if name not in stay}
