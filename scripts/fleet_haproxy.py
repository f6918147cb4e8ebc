"""What haproxy is told: who takes which request, and what happens to streams when something ends."""

import json
import resource

_MOST_CONNECTIONS = 4000
_SPARE_DESCRIPTORS = 200

CONFIG = """\
global
    nbthread 1  # it is far from being what a fleet of Python programs waits for
    maxconn {connections}
    hard-stop-after {drain}ms  # after a soft stop (SIGUSR1): no new connections, running streams end
    tune.bufsize 65536  # the longest head of a request
    tune.http.maxhdr 256

defaults
    mode http
    option http-no-delay  # a delta is not kept back until more come
    option disable-h2-upgrade
    timeout connect 5s
    timeout check 5s
    timeout http-request 1m
    timeout http-keep-alive 10m
    timeout client 1h  # a model may think for long, with nothing to read
    timeout server 1h
    timeout tunnel 1h
    retries 3
    retry-on conn-failure  # only what no worker has seen: a request may have been sent to a provider
    option redispatch 1
    http-error status 502 content-type application/json string "{lost}"
    http-error status 503 content-type application/json hdr retry-after 2 string "{none}"

frontend fleet
    bind {address}
    http-request set-var(txn.session) req.hdr(session-id)
    http-request set-var(txn.session) req.hdr(x-client-request-id) unless {{ var(txn.session) -m len gt 0 }}
    default_backend workers

backend workers
    balance leastconn
    stick-table type string len 64 size 100k expire 1h
    stick on var(txn.session) if {{ var(txn.session) -m len gt 0 }}
    option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr host localhost{token}
    http-check expect status 200
    default-server check inter 2s fastinter 500ms downinter 500ms fall 3 rise 1
"""

TOKEN_VARIABLE = "FLEET_HEALTH_TOKEN"
"""Under it haproxy reads what the health checks must send: its configuration holds no secret."""


def config(address: str, ports: list[int], *, drain: float, has_token: bool) -> str:
    """`address`: host and port for clients; `ports`: the workers', on loopback."""
    token = f' hdr x-transcodex-token "${{{TOKEN_VARIABLE}}}"' if has_token else ""
    text = CONFIG.format(
        connections=_connections(),
        drain=max(1, round(drain * 1000)),
        lost=_error("the proxy's worker for this request has ended", "worker_lost"),
        none=_error("no worker of the proxy is ready", "no_worker"),
        address=address,
        token=token,
    )
    return text + "".join(f"    server {number} 127.0.0.1:{port}\n" for number, port in enumerate(ports, 1))


def environment(token: str) -> dict[str, str]:
    """haproxy takes a header's value for a format, in which % begins something."""
    return {TOKEN_VARIABLE: token.replace("%", "%%")} if token else {}


def _connections() -> int:
    """Two descriptors each; haproxy does not start where they may not be had."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, min(_MOST_CONNECTIONS, (most - _SPARE_DESCRIPTORS) // 2))


def _error(message: str, code: str) -> str:
    body = {"error": {"message": message, "type": "server_error", "param": None, "code": code}}
    return json.dumps(body).replace('"', '\\"')
