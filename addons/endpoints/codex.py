"""The rest of what Codex asks for beside its questions: the list of models, and a websocket that it does not get.

| request                          | answer                                                                          |
|----------------------------------|---------------------------------------------------------------------------------|
| GET /v1/models                   | one body for everybody: OpenAI's `data` and Codex's `models`                    |
| GET /v1/models/ID                | that model's row of `data`                                                      |
| GET /v1/responses, websocket     | 426: Codex falls back to POST at once and in silence (404 costs it 7 seconds)   |
| GET /v1/responses                | 405                                                                             |

Without any model to serve, the list is the reverse target's. The websocket is never: what is said in it, and of which
model it is asked, nobody here would see.
"""

import os
import posixpath
import re
from urllib.parse import unquote

import orjson
from mitmproxy import http

from addons.conversion import is_attempt
from addons.endpoints.models import catalog
from addons.routing.config_watcher import RoutesFile
from converters.jsontext import Json

_ONE_MODEL = "/models/"
_RESPONSES = re.compile(r"/responses(/.*)?$")
"""Whatever stands before: the base address may be `/v1`, or that of another service (`/backend-api/codex`)."""

_JSON = {"content-type": "application/json"}


def endpoint(request: http.Request) -> str:
    """The path below the version, without the query: `/responses` for `/v1/responses?x=1`.

    However it is spelled: upstreams, too, take `//responses` and `/%72esponses` for the same.
    """
    path = posixpath.normpath("/" + unquote(re.split(r"[?#;]", request.path, maxsplit=1)[0]).lower().lstrip("/"))
    found = _RESPONSES.search(path)
    return found[0] if found else path.removeprefix("/v1")


class Surface:
    def __init__(self, routes: RoutesFile) -> None:
        self._routes = routes

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.request.method != "GET" or is_attempt(flow):
            return
        match endpoint(flow.request):
            case "/models":
                self._models(flow)
            case path if path.startswith(_ONE_MODEL):
                self._one_model(flow)
            case "/responses":
                self._no_websocket(flow)

    def _models(self, flow: http.HTTPFlow) -> None:
        if (body := self._served()) is not None:
            flow.response = http.Response.make(200, orjson.dumps(body), _JSON)

    def _one_model(self, flow: http.HTTPFlow) -> None:
        if (body := self._served()) is None:
            return
        wanted = unquote(flow.request.path.partition("?")[0].partition(_ONE_MODEL)[2])
        found = next((model for model in body["data"] if model["id"] == wanted), None)
        if found is not None:
            flow.response = http.Response.make(200, orjson.dumps(found), _JSON)
            return
        error = {"message": "no such model is served here", "type": "invalid_request_error", "param": "model"}
        body = {"error": error | {"code": "model_not_found"}}
        flow.response = http.Response.make(404, orjson.dumps(body), _JSON)

    def _served(self) -> Json | None:
        """The list of models; None where there are neither routes nor keys, so that the reverse target's is the list.

        Of routes by globs alone it may be empty: their providers' lists say nothing, and the target's models are none
        of theirs.
        """
        self._routes.refresh()
        body = catalog(self._routes.current, os.environ)
        return body if body["models"] or self._routes.current.routes else None

    def _no_websocket(self, flow: http.HTTPFlow) -> None:
        wants_websocket = flow.request.headers.get("upgrade", "").lower() == "websocket"
        status, said = (426, "use POST: there is no websocket here") if wants_websocket else (405, "use POST")
        error = {"message": said, "type": "invalid_request_error", "param": None, "code": None}
        headers = _JSON | ({"upgrade": "HTTP/1.1"} if wants_websocket else {"allow": "POST"})
        flow.response = http.Response.make(status, orjson.dumps({"error": error}), headers)
