"""How long a long session takes to convert, beside orjson reading and writing the same body."""

import copy
import gc
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from converters import conversion
from converters.protocols import PROTOCOLS, Upstream, converted

RECORDED = Path(__file__).with_name("codex_request.json")
SIZES = (1000, 2000, 4000)  # items

UPSTREAMS = {name: Upstream("bench", name, "bench", PROTOCOLS[name].dialect()) for name in converted()}


def session(items: int) -> bytes:
    """Codex's request after a day's work: calls with outputs of 8 kB, and a few words between; 2,000 items are 4 MB."""
    body: dict[str, Any] = json.loads(RECORDED.read_text())
    history: list[dict[str, Any]] = copy.copy(body["input"])
    while len(history) < items:
        history += _step(len(history))
    return orjson.dumps(body | {"input": history[:items]})


def _step(n: int) -> list[dict[str, Any]]:
    arguments = json.dumps({"cmd": f"sed -n '{n},{n + 80}p' src/module_{n}.py", "workdir": "/home/dev/project"})
    output = "Process exited with code 0\nOutput:\n" + f"{n}: def function(argument: str) -> str: ...\n" * 170
    text_part = {"type": "output_text", "text": f"Step {n}: I will read the next module."}
    return [
        {"type": "reasoning", "id": f"rs_{n}", "summary": [{"type": "summary_text", "text": "What is next?"}]},
        {"type": "message", "id": f"msg_{n}", "role": "assistant", "content": [text_part]},
        {"type": "function_call", "call_id": f"call_{n}", "name": "exec_command", "arguments": arguments},
        {"type": "function_call_output", "call_id": f"call_{n}", "output": output},
    ]


def _fastest(work: Callable[[], object], times: int) -> float:
    """Seconds that one run takes when nothing else disturbs it."""

    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    gc.collect()
    return min(once() for _ in range(times))


def rows(times: int) -> Iterator[list[str]]:
    """A row for each protocol and size: protocol, items, MB, orjson ms, conversion ms, ratio, microseconds an item."""
    for size in SIZES:
        body = session(size)
        orjson_seconds = _fastest(partial(_copy, body), times)
        for protocol, upstream in UPSTREAMS.items():
            seconds = _fastest(partial(_convert, body, upstream), times)
            numbers = (len(body) / 1e6, orjson_seconds * 1e3, seconds * 1e3, seconds / orjson_seconds)
            yield [protocol, f"{size:,}", *(f"{number:.1f}" for number in numbers), f"{seconds / size * 1e6:.1f}"]


def _copy(body: bytes) -> bytes:
    return orjson.dumps(orjson.loads(body))


def _convert(body: bytes, upstream: Upstream) -> bytes:
    request = conversion.ClientRequest(conversion.load(body))
    return conversion.open_conversion(request, conversion.ConversionSpec(upstream, now=1, client="codex")).body
