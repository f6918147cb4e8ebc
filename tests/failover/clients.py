"""Who asks through the proxy, and what its user reads: Codex, and OpenAI's own package."""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import openai
from openai.resources.responses import AsyncResponses
from openai.types.responses import ResponseCompletedEvent, ResponseFailedEvent

from tests.e2e.codex import Codex, Run, find_binary
from tests.failover.provider import FEW_WORDS


@dataclass(frozen=True)
class Told:
    """`text` is the answer, or why there is none; `lines` is how often the turn's command ran.

    `retries` are the client's own, as it announces them.
    """

    text: str
    code: int
    lines: int = 0
    retries: int = 0
    noise: str = ""
    """What Codex printed beside its answer, where it had one."""


type Client = Callable[[str, str, Path], Awaitable[Told]]
"""Takes the proxy's base URL, a model, and a folder that is not there yet."""

HANGS = "HANGS"


async def _codex(base_url: str, model: str, folder: Path, *, own_retries: bool = False) -> Told:
    return await asyncio.to_thread(_run_codex, base_url, model, folder, own_retries=own_retries)


def _run_codex(base_url: str, model: str, folder: Path, *, own_retries: bool) -> Told:
    folder.mkdir()
    codex = Codex.of_new_user(find_binary(), folder, base_url)
    if own_retries:
        del codex.provider["request_max_retries"], codex.provider["stream_max_retries"]
    try:
        run = codex.exec("go", model=model)
    except subprocess.TimeoutExpired:
        return Told(HANGS, -1)
    appended = codex.work / "lines"
    lines = len(appended.read_text().splitlines()) if appended.exists() else 0
    retries = sum("Reconnecting" in error for error in run.errors)
    return Told(_said(run), run.code, lines, retries, _noise(run))


def _said(run: Run) -> str:
    return readable("; ".join(run.agent_messages)) if run.code == 0 else readable(run.failure or run.stderr)


def _noise(run: Run) -> str:
    return "; ".join(map(readable, run.errors))


_TIMEOUT = 60.0
"""Seconds after which a client counts as hanging; every limit of the proxy is far below."""


async def _openai(base_url: str, model: str, folder: Path, *, stream: bool) -> Told:
    client = _openai_client(base_url)
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await (_streamed(client, model) if stream else _whole(client, model))
    except TimeoutError:
        return Told(HANGS, -1)
    except openai.APIStatusError as error:
        return Told(readable(f"{type(error).__name__} {error.status_code}: {_message(error)}"), error.status_code)
    except openai.APIError as error:
        return Told(readable(f"{type(error).__name__}: {error.message}"), -1)


@cache
def _openai_client(base_url: str) -> openai.AsyncOpenAI:
    """One for all: the first takes its time, in which no provider of the suite can respond."""
    return openai.AsyncOpenAI(base_url=base_url, api_key="own", max_retries=0, timeout=2 * _TIMEOUT)


def _message(error: openai.APIStatusError) -> str:
    return str(error.body["message"]) if isinstance(error.body, dict) and "message" in error.body else error.message


async def _streamed(client: openai.AsyncOpenAI, model: str) -> Told:
    last = None
    async for event in await AsyncResponses(client).create(model=model, input="go", stream=True):
        last = event
    match last:
        case ResponseCompletedEvent():
            return Told(readable(last.response.output_text), 0)
        case ResponseFailedEvent() if last.response.error:
            return Told(readable(f"failed: {last.response.error.message}"), 200)
    return Told(readable(f"ended with {last.type if last else 'nothing'}"), -1)


async def _whole(client: openai.AsyncOpenAI, model: str) -> Told:
    response = await AsyncResponses(client).create(model=model, input="go")
    return Told(readable(response.output_text), 0)


_SHOWN = 160
_DIFFERING = {
    r"\b(first|second)-\d+": r"\1",
    r"(127\.0\.0\.1(?::|', ))\d+": r"\1PORT",
    r"\[Errno -\d+\] [A-Z][a-z ]+": "(what the resolver says)",
    r"\bsent nothing for \d+ s\b": "sent nothing for N s",  # it grows with the size of the request
}


def readable(text: str) -> str:
    """In one line, and without what differs from run to run, or from machine to machine."""
    text = text.replace(FEW_WORDS, "")
    for pattern, shown in _DIFFERING.items():
        text = re.sub(pattern, shown, text)
    return " ".join(text.split())[:_SHOWN]


PATIENT_CODEX = "Codex with its own retries"
CODEX = ("Codex", PATIENT_CODEX)
STREAMED, WHOLE = "openai, streamed", "openai, whole"
CLIENTS: dict[str, Client] = {
    "Codex": _codex,
    PATIENT_CODEX: partial(_codex, own_retries=True),
    STREAMED: partial(_openai, stream=True),
    WHOLE: partial(_openai, stream=False),
}
