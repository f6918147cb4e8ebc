"""The processes of the benchmark: the upstream, and each mitmdump over it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bench_load
import bench_requests
import proxy
from bench_load import PROTOCOLS

from addons.recording import archive

PLAIN = Path(__file__).with_name("bench_plain.py")
PATHS = {"plain": "/v1/plain", "converted": "/v1/responses", "recorded": "/v1/responses"}


def routes(address: str) -> str:
    return "".join(
        f'[[routes]]\nmodels = ["{protocol}-*"]\nproviders = ["bench-{protocol}"]\n\n'
        f'[providers.bench-{protocol}]\nprotocol = "{protocol}"\nbase_url = "{address}"\nauth = "none"\n\n'
        for protocol in PROTOCOLS
    )


@contextmanager
def upstream() -> Iterator[str]:
    """The address of the upstream, which is a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, bench_load.__file__, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()  # it is ready
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def proxies(program: str, settings: list[str], *, recording: bool = False) -> Iterator[dict[str, proxy.Proxy]]:
    """The baseline and ours, each over the same upstream."""
    with ExitStack() as stack:
        address = stack.enter_context(upstream())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        (folder / "routes.toml").write_text(routes(address))
        common = ["--mode", f"reverse:{address}", "--set", "termlog_verbosity=error"]
        common += ["--set", "flow_detail=0"] if program == "mitmdump" else ["--no-web-open-browser", "--web-port", "0"]
        ours = [
            "--set",
            f"routes={folder / 'routes.toml'}",
            *(part for setting in settings for part in ("--set", setting)),
        ]
        commands: dict[str, list[str | Path]] = {"plain": [PLAIN, folder, *common]}
        commands["converted"] = [proxy.ROUTE, folder, *common, *ours]
        if recording:
            stack.callback(_wait_for_archive, folder / "kept")
            commands["recorded"] = [*commands["converted"], "--set", f"capture_all={folder / 'kept'}"]
        proxies = {kind: proxy.mitmdump(*command, program=program) for kind, command in commands.items()}
        yield {kind: stack.enter_context(running) for kind, running in proxies.items()}


def _wait_for_archive(folder: Path) -> None:
    """The archive is written by a process that outlives its proxy."""
    with archive.locked(folder):
        pass


def request_bytes(kind: str, model: str) -> bytes:
    body = json.loads(bench_requests.RECORDED.read_text())
    text = json.dumps(body | {"model": model}, ensure_ascii=False).encode()
    head = f"POST {PATHS[kind]} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}accept: text/event-stream\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def quiet(pid: int) -> None:
    """Waits until the process that writes what is kept has caught up: it is not to slow the next flow down."""
    before = -1.0
    while (now := sum(map(cpu_seconds, _children(pid)))) != before:
        before = now
        await asyncio.sleep(0.5)  # more than the moment of rest that it waits for itself


async def warm(running: proxy.Proxy, kind: str, protocol: str) -> None:
    """A first exchange, whose response is checked: a proxy that sends something else is fast too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1 << 20)
    _, response = await bench_load.exchange(reader, writer, request_bytes(kind, f"{protocol}-200-1"))
    writer.close()
    end = b'"response.completed"' if kind != "plain" else bench_load.STREAM_FORMATS[protocol].end
    if end not in response:
        raise SystemExit(f"{kind} {protocol}: the response has no {end.decode()}:\n{response[-2000:].decode()}")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
