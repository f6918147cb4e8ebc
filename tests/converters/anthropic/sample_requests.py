"""Responses requests, small enough to read, and what they become."""

from typing import Any

from converters import seal, tools
from converters.anthropic.dialect import AnthropicDialect
from converters.anthropic.request import convert
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from tests.converters.sample_items import user

PIXEL = "iVBORw0KGgo="


def reasoning(sealed: str | None, summary: str = "") -> Json:
    parts = [{"type": "summary_text", "text": summary}] if summary else []
    return {"type": "reasoning", "summary": parts, "encrypted_content": sealed}


def signed(thought: str, signature: str = "sig", family: str = "anthropic") -> Json:
    return reasoning(seal.wrap("anthropic", {"from": family, "thinking": thought, "signature": signature}), thought)


def image(url: str = f"data:image/png;base64,{PIXEL}") -> Json:
    return {"type": "input_image", "image_url": url}


def convert_items(*items: Json, dialect: AnthropicDialect | None = None, **fields: Any) -> tuple[Json, Losses]:
    """The upstream request of these items, without cache marks unless a dialect says otherwise."""
    losses = Losses()
    request = wire.read({"model": "m", **fields, "input": list(items) or [user()]})
    dialect = dialect or AnthropicDialect(cache=False)
    return convert(request, tools.lower(request), dialect, "claude", losses), losses


def body(*items: Json, dialect: AnthropicDialect | None = None, **fields: Any) -> Json:
    return convert_items(*items, dialect=dialect, **fields)[0]


def messages(*items: Json, dialect: AnthropicDialect | None = None, **fields: Any) -> list[tuple[str, list[Json]]]:
    return [(message["role"], message["content"]) for message in body(*items, dialect=dialect, **fields)["messages"]]


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def use(id_: str, name: str = "f", **arguments: Any) -> Json:
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def result(id_: str, content: Any = "done") -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": content}
