"""Asks a recorded question again, of a live upstream, and tells how the answer's shape differs from the recorded one.

    replay.send flows/chat/hello

The question takes the way of every other: routes, keys, conversion; mitmproxy's client replay sends it.
"""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakKeyDictionary

from mitmproxy import command, connection, ctx, exceptions, hooks, http, types

from addons.case import Case, CaseError
from addons.conversion import EXCHANGE, is_attempt
from addons.routing.api_keys import KeyProblem
from addons.routing.config_watcher import RoutesFile
from addons.routing.router import Routes
from addons.runtime.printable import printable
from converters.response_shape import ResponseShape

logger = logging.getLogger(__name__)

_NOBODY = "http://127.0.0.1:9"
"""Where a question would go whose model nobody serves; it is not asked."""

_MOST_LINES = 60


class NobodyServes(ValueError):
    """Nobody can be asked a recorded question; the text says why."""


class Resend:
    def __init__(self, routes: RoutesFile) -> None:
        self._routes = routes
        self._sent: WeakKeyDictionary[http.HTTPFlow, Case] = WeakKeyDictionary()
        self._attempts: WeakKeyDictionary[http.HTTPFlow, http.HTTPFlow] = WeakKeyDictionary()

    @command.command("replay.send")
    def send(self, folder: types.Path) -> None:
        """Ask a recorded question again. The flow's comment says if the answer has the same shape; the log, how not."""
        try:
            case = Case.load(Path(folder).expanduser())
            self._routes.refresh()
            check(case, self._routes.current)
        except (CaseError, NobodyServes) as error:
            raise exceptions.CommandError(str(error)) from error
        flow = question(case)
        self._sent[flow] = case
        ctx.master.commands.call("replay.client", [flow])

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if is_attempt(flow):
            asking = next((one for one in self._sent if one.id == flow.metadata.get(EXCHANGE)), None)
            if asking is not None:
                self._attempts[asking] = flow

    def response(self, flow: http.HTTPFlow) -> None:
        if (case := self._sent.pop(flow, None)) is not None:
            lines = list(differences(case, flow, self._attempts.pop(flow, None)))
            flow.comment = printable(lines[0])
            ctx.master.addons.trigger(hooks.UpdateHook([flow]))
            logger.info("replay: %s", "\n".join(map(printable, lines[:_MOST_LINES])))

    def error(self, flow: http.HTTPFlow) -> None:
        self.response(flow)


def check(case: Case, routes: Routes) -> None:
    """Raises NobodyServes where the question would lead nowhere."""
    try:
        served = routes.targets(case.notes.model, os.environ)
    except KeyProblem as error:
        raise NobodyServes(str(error)) from error
    if not served:
        raise NobodyServes(
            f"nobody serves {case.notes.model}, which the case asks for; routes.show tells who serves what"
        )


def question(case: Case) -> http.HTTPFlow:
    """The client's side of a case, not sent yet."""
    here = ("127.0.0.1", 0)
    client = connection.Client(peername=here, sockname=here, timestamp_start=time.time())
    flow = http.HTTPFlow(client, connection.Server(address=None))
    path = "/v1/responses/compact" if case.notes.compact else "/v1/responses"
    headers = http.Headers(
        [(b"content-type", b"application/json")],
        **{name: value for name, value in case.notes.client_headers.items() if name != "content-type"},
    )
    flow.request = http.Request.make("POST", f"{_NOBODY}{path}", case.client_request, headers)
    return flow


def differences(case: Case, flow: http.HTTPFlow, attempt: http.HTTPFlow | None) -> Iterator[str]:
    """How the answer's shape differs on both sides, as lines; the first says how much."""
    if attempt is None or attempt.response is None or flow.response is None:
        yield f"no upstream answered: {flow.comment or _error(flow)}"
        return
    status = attempt.response.status_code
    lines = [] if status == case.notes.status else [f"status: {status}, recorded {case.notes.status}"]
    sides = {
        "upstream_response": (case.answered, attempt.response.get_content(strict=False)),
        "client_response": (case.client_response.data, flow.response.get_content(strict=False)),
    }
    for name, (recorded, now) in sides.items():
        if told := ResponseShape.of(recorded).differences(ResponseShape.of(now or b"")):
            lines += [f"--- {name}, recorded", f"+++ {name}, now", *told]
    yield f"{flow.comment}: {'another shape' if lines else 'the same shape'}"
    yield from lines


def _error(flow: http.HTTPFlow) -> str:
    return flow.error.msg if flow.error else "the question was refused"
