"""A Responses upstream: what it gets and says passes untouched but for model, refused keys and our own seals.

| the client's request                       | what goes on                                              |
|--------------------------------------------|-----------------------------------------------------------|
| `model`                                    | the upstream's name for it                                |
| keys in the dialect's `drop`               | left out, listed as losses                                |
| reasoning sealed by us                     | without `encrypted_content`; dropped if nothing else is in |
| compaction sealed by us                    | the summary, as the user's message                        |
| everything else, the whole answer          | as it is                                                  |

Our seals would be refused as `invalid_encrypted_content`: a thread that goes from another model to this one has them.
"""

from typing import Any

from converters import seal
from converters.dialect import ResponsesDialect
from converters.jsontext import Json
from converters.losses import Losses
from converters.responses.history import SUMMARY_FAMILY, SUMMARY_PREFIX


def body(raw: Json, dialect: ResponsesDialect, model: str, losses: Losses) -> Json:
    out: Json = {**raw, "model": model}
    for path in dialect.drop:
        _drop(out, path, losses)
    if isinstance(raw.get("input"), list):
        out["input"] = [kept for item in raw["input"] if (kept := _unsealed(item)) is not None]
    return out | dialect.extra_body


def _drop(out: Json, path: str, losses: Losses) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        if not isinstance(out.get(parent), dict):
            return
        out[parent] = dict(out[parent])
        out = out[parent]
    if last in out:
        del out[last]
        losses.note(path, last, "this provider refuses it")


def _unsealed(item: Any) -> Any:
    """The item as OpenAI may have it; None where nothing is left."""
    if not isinstance(item, dict) or not seal.is_ours(item.get("encrypted_content")):
        return item
    if item.get("type") == "reasoning":
        bare = {key: value for key, value in item.items() if key not in ("encrypted_content", "id")}
        return bare if item.get("summary") or item.get("content") else None
    summary = seal.unwrap(SUMMARY_FAMILY, item["encrypted_content"])
    if not isinstance(summary, str):
        return None
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": SUMMARY_PREFIX + summary}],
    }


_TERMINAL = (b'"response.completed"', b'"response.incomplete"', b'"response.failed"')
_OVERLAP = max(map(len, _TERMINAL)) - 1


class Watch:
    """Looks at a stream as it passes, to know whether it came to its end."""

    def __init__(self) -> None:
        self.ended = False
        self._tail = b""

    def feed(self, data: bytes) -> None:
        if not self.ended:
            seen = self._tail + data
            self.ended = any(mark in seen for mark in _TERMINAL)
            self._tail = seen[-_OVERLAP:]
