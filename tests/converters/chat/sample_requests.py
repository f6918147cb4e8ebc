"""Responses requests, small enough to read, and what they become."""

from typing import Any

from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from converters import seal, tools
from converters.chat.dialect import ChatDialect
from converters.chat.request import convert
from converters.chat.response import FAMILY
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from tests.converters.sample_items import user

PIXEL = "data:image/png;base64,iVBORw0KGgo="

_REQUEST: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)


def thought(text: str = "", encrypted: str | None = None) -> Json:
    parts = [{"type": "summary_text", "text": text}] if text else []
    return {"type": "reasoning", "summary": parts, "encrypted_content": encrypted}


def sealed(payload: Json, shown: str = "") -> Json:
    return thought(shown, seal.wrap(FAMILY, payload))


def image(url: str = PIXEL, **fields: Any) -> Json:
    return {"type": "input_image", "image_url": url, **fields}


def convert_items(*items: Json, dialect: ChatDialect | None = None, **fields: Any) -> tuple[Json, Losses]:
    losses = Losses()
    request = wire.read({"model": "m", "input": list(items) or [user()], **fields})
    return convert(request, tools.lower(request), dialect or ChatDialect(), "glm-5.2", losses), losses


def body(*items: Json, dialect: ChatDialect | None = None, **fields: Any) -> Json:
    return convert_items(*items, dialect=dialect, **fields)[0]


def messages(*items: Json, **flags: Any) -> list[Json]:
    """The messages that a host with these flags gets."""
    told: list[Json] = body(*items, dialect=ChatDialect(**flags))["messages"]
    return told


def check(request: Json) -> None:
    """Raises unless OpenAI's own types have every field of the request, at every depth."""
    _exhaust(_REQUEST.validate_python(request, extra="forbid"))


def _exhaust(value: Any) -> None:
    """The types hold iterables, which pydantic checks as they are walked."""
    if isinstance(value, dict):
        for element in value.values():
            _exhaust(element)
    elif not isinstance(value, str | int | float | None):
        for element in value:
            _exhaust(element)
