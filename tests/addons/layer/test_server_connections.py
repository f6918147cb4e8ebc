"""An upstream that resets each connection at once is out of reach; nobody waits for it for ever."""

import asyncio
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.addons.live_proxy import live_proxy
from tests.addons.proxy_under_test import request_body

connect = asyncio.open_connection


def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_a_connection_that_is_reset_before_it_is_known_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = await asyncio.start_server(reset, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]

    async def after_the_reset(*address: Any, **options: Any) -> Any:
        if address[1] != port:
            return await connect(*address, **options)
        sock = socket.create_connection(address)
        await asyncio.sleep(0.05)  # until it is here
        sock.setblocking(False)
        return await connect(sock=sock)

    monkeypatch.setattr(asyncio, "open_connection", after_the_reset)
    routes = tmp_path / "routes.toml"
    routes.write_text(
        '[[routes]]\nmodels = ["m"]\nproviders = ["rude"]\n\n[providers.rude]\nprotocol = "chat"\nauth = "none"\n'
        f'base_url = "http://127.0.0.1:{port}"\n'
    )
    async with live_proxy("http://127.0.0.1:9", routes, retry_attempts=2) as proxy:
        response = await proxy.send("POST", "/v1/responses", request_body(model="m"), {"user-agent": "curious/1"})
    upstream.close()
    assert response.startswith(b"HTTP/1.1 502 ")
    assert b"rude is out of reach: connection reset by peer" in response
    assert "Traceback" not in caplog.text
