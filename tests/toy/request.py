"""A Responses request as one of the toy protocol: `{"lines": [{"by": "user", "said": "hi"}]}`."""

from converters.jsontext import Json
from converters.losses import Losses
from converters.responses import wire
from converters.responses.history import conversation, parts_of
from converters.tools import Toolbox
from tests.toy.dialect import ToyDialect


def convert(request: wire.Request, toolbox: Toolbox, dialect: ToyDialect, model: str, losses: Losses) -> Json:
    lines = []
    for function in toolbox.functions:
        losses.note(function.path, function.name, "toys have no tools")
    conversation(request, losses)  # refuses what is stored elsewhere
    for item in request.input:
        if isinstance(item, wire.MessageItem):
            texts = [part.text for part in parts_of(item.content) if isinstance(part, wire.TextPart)]
            lines.append({"by": item.role, "said": " ".join(texts)})
    return {"lines": [*lines, {"by": "user", "said": "Thank you."}] if dialect.polite else lines}
