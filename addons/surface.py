"""The rest of what Codex asks for beside its questions: the list of models, and a websocket that it does not get.

| request                          | answer                                                                          |
|----------------------------------|---------------------------------------------------------------------------------|
| GET /v1/models                   | one body for everybody: OpenAI's `data` and Codex's `models`                    |
| GET /v1/models/ID                | that model's row of `data`                                                      |
| GET /v1/responses, websocket     | 426: Codex falls back to POST at once and in silence (404 costs it 7 seconds)   |
| GET /v1/responses                | 405                                                                             |

Without any model to serve, all of it goes the way of everything else: to the reverse target.
"""

import os
from urllib.parse import unquote

import orjson
from mitmproxy import http

from addons.catalog import catalog
from addons.conversion import is_attempt
from addons.routes_file import RoutesFile
from converters.jsontext import Json

_ONE_MODEL = "/models/"
_JSON = {"content-type": "application/json"}


def endpoint(request: http.Request) -> str:
    """The path below the version, without the query: `/responses` for `/v1/responses?x=1`."""
    path = request.path.partition("?")[0].rstrip("/")
    return path.removeprefix("/v1")


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
            case "/responses" if self._routes.current.serves_any(os.environ):
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
