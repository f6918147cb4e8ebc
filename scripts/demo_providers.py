"""A server of two scripted providers, with Chat Completions and with Anthropic Messages; no key, no network.

Its model follows a script: offered `exec_command`, it calls it once, and quotes its output. So a reader of the response
knows that a whole tool loop went through the proxy.

    with serve() as address: ...
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from converters.protocols import PROTOCOLS

COMMAND = "echo hello from the tool"
THOUGHT = "The shell can tell me. I will ask it."
PAUSE = 0.03  # seconds between two deltas, so that a person sees them arrive
EXPECTED_TEXT = "The shell said: hello from the tool."


def _reply_text(output: str | None, offered: str) -> str | None:
    """The text of the reply, or None where the model calls the command first. `offered` is the tools as text."""
    if output is None:
        return None if "exec_command" in offered else "Hello. Nobody offered me a shell, so this is all I can say."
    last_line = output.strip().splitlines()[-1] if output.strip() else "nothing"
    return f"The shell said: {last_line}. All of this came through the proxy, piece by piece."


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + text.split(" ")[-1:]


def _text(content: Any) -> str:
    """The text of a content that is a string or a list of parts."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def chat(body: dict[str, Any]) -> Iterator[str]:
    """https://platform.openai.com/docs/api-reference/chat-streaming, with `reasoning_content` as DeepSeek has it."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        head = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        return f"data: {json.dumps(head | {'choices': [choice]})}\n\n"

    outputs = [_text(message["content"]) for message in body["messages"] if message["role"] == "tool"]
    text = _reply_text(outputs[-1] if outputs else None, json.dumps(body.get("tools", [])))
    yield chunk({"role": "assistant", "content": ""})
    if text is None:
        yield from (chunk({"reasoning_content": word}) for word in _words(THOUGHT))
        function = {"name": "exec_command", "arguments": ""}
        yield chunk({"tool_calls": [{"index": 0, "id": "call_demo", "type": "function", "function": function}]})
        for piece in _words(json.dumps({"cmd": COMMAND})):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        yield chunk({}, "tool_calls")
    else:
        yield from (chunk({"content": word}) for word in _words(text))
        yield chunk({}, "stop")
    yield "data: [DONE]\n\n"


def messages(body: dict[str, Any]) -> Iterator[str]:
    """https://docs.anthropic.com/en/docs/build-with-claude/streaming"""

    def event(kind: str, **fields: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n"

    def block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> Iterator[str]:
        yield event("content_block_start", index=index, content_block=start)
        yield from (event("content_block_delta", index=index, delta=delta) for delta in deltas)
        yield event("content_block_stop", index=index)

    parts = [part for message in body["messages"] for part in message["content"] if isinstance(part, dict)]
    outputs = [_text(part["content"]) for part in parts if part["type"] == "tool_result"]
    text = _reply_text(outputs[-1] if outputs else None, json.dumps(body.get("tools", [])))
    usage = {"input_tokens": 1000, "output_tokens": 1}
    message = {"id": "msg_demo", "type": "message", "role": "assistant", "model": body["model"], "content": []}
    yield event("message_start", message=message | {"stop_reason": None, "stop_sequence": None, "usage": usage})
    if text is None:
        thoughts = [{"type": "thinking_delta", "thinking": word} for word in _words(THOUGHT)]
        signature = {"type": "signature_delta", "signature": "c2lnbmVk"}
        yield from block(0, {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signature])
        pieces = [{"type": "input_json_delta", "partial_json": piece} for piece in _words(json.dumps({"cmd": COMMAND}))]
        yield from block(1, {"type": "tool_use", "id": "toolu_demo", "name": "exec_command", "input": {}}, pieces)
    else:
        yield from block(0, {"type": "text", "text": ""}, [{"type": "text_delta", "text": w} for w in _words(text)])
    stop = {"stop_reason": "tool_use" if text is None else "end_turn", "stop_sequence": None}
    yield event("message_delta", delta=stop, usage={"output_tokens": 20})
    yield event("message_stop")


RESPONSES = {"chat": chat, "anthropic": messages}
"""protocol -> the stream that responds to a request."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        respond = next((respond for name, respond in RESPONSES.items() if PROTOCOLS[name].is_at(self.path)), None)
        if respond is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in respond(body):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece.encode()), piece.encode()))
            time.sleep(PAUSE)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: mitmdump logs each request."""


@contextmanager
def serve() -> Iterator[str]:
    """The server's address while the `with` block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
