"""Codex's other requests: the list of models, and a websocket, which is refused.

| request                          | response                                                                        |
|----------------------------------|---------------------------------------------------------------------------------|
| GET /v1/models                   | one body for everybody: OpenAI's `data` and Codex's `models`                    |
| GET /v1/models/ID                | that model's row of `data`                                                      |
| GET /v1/responses, websocket     | 426: Codex falls back to POST silently and at once (404 would delay it by 7 s)  |
| GET /v1/responses                | 405                                                                             |

If there is no model to serve, requests for the list pass through to the reverse target. The websocket never does: the
proxy would not see the requests in it, nor the models they are for.
"""

import os
from urllib.parse import unquote

import orjson
from mitmproxy import http

from addons.endpoints.models import model_list
from addons.exchange.flow_metadata import is_attempt
from addons.exchange.request_path import request_path
from addons.routing.config_watcher import ConfigWatcher
from converters.jsontext import Json

_MODEL_PREFIX = "/models/"
_JSON = {"content-type": "application/json"}


class CodexEndpoints:
    def __init__(self, watcher: ConfigWatcher) -> None:
        self._watcher = watcher

    def request(self, flow: http.HTTPFlow) -> None:
        if flow.response or flow.request.method != "GET" or is_attempt(flow):
            return
        match request_path(flow.request):
            case "/models":
                self._models(flow)
            case path if path.startswith(_MODEL_PREFIX):
                self._one_model(flow)
            case "/responses":
                self._refuse_get(flow)

    def _models(self, flow: http.HTTPFlow) -> None:
        if (body := self._model_list()) is not None:
            flow.response = http.Response.make(200, orjson.dumps(body), _JSON)

    def _one_model(self, flow: http.HTTPFlow) -> None:
        if (body := self._model_list()) is None:
            return
        model_id = unquote(flow.request.path.partition("?")[0].partition(_MODEL_PREFIX)[2])
        model = next((model for model in body["data"] if model["id"] == model_id), None)
        if model is not None:
            flow.response = http.Response.make(200, orjson.dumps(model), _JSON)
            return
        error = {"message": "this model is not served here", "type": "invalid_request_error", "param": "model"}
        body = {"error": error | {"code": "model_not_found"}}
        flow.response = http.Response.make(404, orjson.dumps(body), _JSON)

    def _model_list(self) -> Json | None:
        """The list of models; None if there are neither routes nor keys, so that the request passes through.

        With routes it may be empty: if they have globs only, and their providers list no models. The reverse target's
        list would not fit these routes.
        """
        self._watcher.refresh()
        body = model_list(self._watcher.current, os.environ)
        return body if body["models"] or self._watcher.current.routes else None

    def _refuse_get(self, flow: http.HTTPFlow) -> None:
        wants_websocket = flow.request.headers.get("upgrade", "").lower() == "websocket"
        status, message = (426, "use POST: there is no websocket here") if wants_websocket else (405, "use POST")
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        headers = _JSON | ({"upgrade": "HTTP/1.1"} if wants_websocket else {"allow": "POST"})
        flow.response = http.Response.make(status, orjson.dumps({"error": error}), headers)
