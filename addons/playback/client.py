"""Sends a recorded request to a live upstream, and says how the response's shape differs from the recorded one.

    replay.send flows/chat/hello

mitmproxy's client replay sends it, so it is routed and converted like any other request.
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import command, connection, ctx, exceptions, hooks, http, types

from addons.cases.case import Case, CaseError
from addons.exchange.exchange import Exchange
from addons.routing.api_keys import KeyProblem
from addons.routing.config_watcher import ConfigWatcher
from addons.routing.router import Router
from addons.runtime.printable import printable
from converters.response_shape import ResponseShape

logger = logging.getLogger(__name__)

_UNUSED_ADDRESS = "http://127.0.0.1:9"
"""The flow's own target; never used, since the request is routed by its model."""

_MOST_LOGGED_LINES = 60


class NoProvider(ValueError):
    """No provider can serve a recorded request; the text says why."""


class ReplayClient:
    def __init__(self, watcher: ConfigWatcher) -> None:
        self._watcher = watcher
        self._cases: WeakKeyDictionary[http.HTTPFlow, Case] = WeakKeyDictionary()

    @command.command("replay.send")
    def send(self, folder: types.Path) -> None:
        """Send a recorded request again. The comment and the log say how the response's shape differs."""
        try:
            case = Case.load(Path(folder).expanduser())
            self._watcher.refresh()
            check_served(case, self._watcher.current)
        except (CaseError, NoProvider) as error:
            raise exceptions.CommandError(str(error)) from error
        flow = client_flow(case)
        self._cases[flow] = case
        ctx.master.commands.call("replay.client", [flow])

    def exchange_end(self, exchange: Exchange) -> None:
        if (case := self._cases.pop(exchange.flow, None)) is not None:
            flow, attempts = exchange.flow, exchange.attempts
            lines = list(differences(case, flow, attempts[-1].flow if attempts else None))
            flow.comment = printable(lines[0])
            ctx.master.addons.trigger(hooks.UpdateHook([flow]))
            logger.info("replay: %s", "\n".join(map(printable, lines[:_MOST_LOGGED_LINES])))


def check_served(case: Case, router: Router) -> None:
    """Raises NobodyServes where no route or key serves the case's model."""
    try:
        targets = router.endpoints(case.metadata.model, os.environ)
    except KeyProblem as error:
        raise NoProvider(str(error)) from error
    if not targets:
        raise NoProvider(
            f"no provider serves {case.metadata.model}, the model of the case; routes.show lists the routes"
        )


def client_flow(case: Case) -> http.HTTPFlow:
    """The client's side of a case, not sent yet."""
    address = ("127.0.0.1", 0)
    client = connection.Client(peername=address, sockname=address, timestamp_start=time.time())
    flow = http.HTTPFlow(client, connection.Server(address=None))
    path = "/v1/responses/compact" if case.metadata.compact else "/v1/responses"
    headers = http.Headers(
        [(b"content-type", b"application/json")],
        **{name: value for name, value in case.metadata.client_headers.items() if name != "content-type"},
    )
    flow.request = http.Request.make("POST", f"{_UNUSED_ADDRESS}{path}", case.client_request, headers)
    return flow


def differences(case: Case, flow: http.HTTPFlow, attempt: http.HTTPFlow | None) -> Iterator[str]:
    """How the response's shape differs on both sides, as lines; the first one sums it up."""
    if attempt is None or attempt.response is None or flow.response is None:
        yield f"no upstream answered: {flow.comment or (flow.error.msg if flow.error else 'the request was refused')}"
        return
    status = attempt.response.status_code
    lines = [] if status == case.metadata.status else [f"status: {status}, recorded {case.metadata.status}"]
    sides = {
        "upstream_response": (case.upstream_body, attempt.response.get_content(strict=False)),
        "client_response": (case.client_response.data, flow.response.get_content(strict=False)),
    }
    for name, (recorded, now) in sides.items():
        if changes := ResponseShape.of(recorded).differences(ResponseShape.of(now or b"")):
            lines += [f"--- {name}, recorded", f"+++ {name}, now", *changes]
    yield f"{flow.comment}: {'another shape' if lines else 'the same shape'}"
    yield from lines
