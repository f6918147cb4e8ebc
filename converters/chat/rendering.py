"""Chat Completions, as far as rendering has to know it."""

from converters.jsontext import Json
from converters.rendering.protocol_rendering import Rendering


def _is_request(body: Json) -> bool:
    match body:
        case {"messages": [{"role": _}, *_]}:  # some hosts have the model in the path alone
            return True
        case _:
            return False


def _is_response(value: Json, event: str) -> bool:
    """An error without any other mark is in the form that most hosts have taken over from here."""
    if isinstance(value.get("choices"), list) or value.get("object") == "chat.completion.chunk":
        return True
    return bool(value.get("error")) and not (value.get("type") or event)


RENDERING = Rendering(_is_request, _is_response, conversation="messages", marks=(b'"messages"', b'"choices"'))
