"""Opaque upstream state carried inside a reasoning item's `encrypted_content`.

Codex sends its whole history every turn and drops fields that it does not know, but it keeps `encrypted_content`.
What an upstream wants back (signatures, exact reasoning text) travels there, so that the proxy needs no memory:

    tcx1.<family>.<base64url of the payload's JSON>

`family` names who understands the payload (`chat`, `anthropic`, `summary`), not where it came from: a payload that only
one host accepts names it itself. A seal of another family is dropped, never sent on.
"""

import base64
from typing import Any

from converters import jsontext

PREFIX = "tcx1."


def wrap(family: str, payload: Any) -> str:
    body = base64.urlsafe_b64encode(jsontext.dumps(payload)).decode().rstrip("=")
    return f"{PREFIX}{family}.{body}"


def unwrap(family: str, sealed: str | None) -> Any:
    """The payload of our own intact seal of this family, else None: foreign, truncated and missing are all the same."""
    start = f"{PREFIX}{family}."
    if not sealed or not sealed.startswith(start):
        return None
    body = sealed[len(start) :]
    try:
        return jsontext.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:  # base64's errors are some
        return None


def is_ours(sealed: str | None) -> bool:
    return bool(sealed) and str(sealed).startswith(PREFIX)


OPEN = wrap("open", None)
"""Stands where nothing had to be sealed: it shows whose reasoning this is. OpenAI looks for the id of a reasoning item
that has no `encrypted_content` among what it stored: "Item with id 'rs_...' not found"."""
