"""Used in place of Codex where there is no npm: sends a recorded request of Codex and prints the response.

It runs no commands: a call gets a made-up output.
"""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).with_name("codex_request.json")
"""The first request of Codex 0.169 to a model that it does not know."""

_MAX_REQUESTS = 5  # until the model has to be done


def request(model: str, prompt: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(RECORDED.read_text())
    body["input"][-1]["content"] = [{"type": "input_text", "text": prompt}]
    return body | {"model": model}


def ask(port: int, body: dict[str, Any]) -> str:
    """The final text, once the model makes no more calls; empty if it failed."""
    for _ in range(_MAX_REQUESTS):
        items = []
        try:
            for event in _events(port, body):
                _print(event)
                if event["type"] == "response.output_item.done":
                    items.append(event["item"])
        except (OSError, http.client.HTTPException) as error:
            print(f"    {type(error).__name__}: {error}")
        calls = [item for item in items if item["type"] == "function_call"]
        if not calls:
            return "".join(part["text"] for item in items if item["type"] == "message" for part in item["content"])
        body["input"] += items + [_output(call) for call in calls]
    return ""


def _output(call: dict[str, Any]) -> dict[str, Any]:
    output = "Process exited with code 0\nOutput:\nhello from the tool\n"
    return {"type": "function_call_output", "call_id": call["call_id"], "output": output}


def _events(port: int, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"content-type": "application/json", "accept": "text/event-stream"}
    connection.request("POST", "/v1/responses", json.dumps(body), headers)
    response = connection.getresponse()
    if response.status != 200:
        print(f"    {response.status} {response.read().decode(errors='replace')}")
    for line in response:
        if line.startswith(b"data: {"):
            yield json.loads(line.removeprefix(b"data: "))
    connection.close()


def _print(event: dict[str, Any]) -> None:
    match event["type"]:
        case "response.output_item.added":
            print(f"    [{event['item']['type']}] ", end="", flush=True)
        case kind if kind.endswith(".delta"):
            print(event["delta"], end="", flush=True)
        case "response.output_item.done":
            print()
        case "response.failed":
            print(f"    failed: {event['response']['error']['message']}")
