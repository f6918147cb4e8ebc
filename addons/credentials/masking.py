"""Credentials in what an upstream says: asterisks stand in their place, as many as there were characters.

Some upstreams repeat the key that they refuse, or the whole request. What is told and what is kept then has none of it,
also where it stands as JSON, in an address or in Base64 writes it. All lengths stay what they are.

A user may have set a key that is a plain word (`lm-studio`, `not-needed`), which an answer may well say: in an answer
only what can be nothing but a key is masked, in an error and in headers all that is not too short.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_LEAST_IN_AN_ERROR = 6
_LEAST = 12
_SURELY = 24
_LEAST_FORM = 8  # of Base64: shorter ones are found by chance


def values(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is secret in the values of these headers: without the scheme, and each cookie by itself."""
    for name, value in headers:
        scheme, space, rest = value.partition(" ")
        yield rest.strip() if space and scheme.isalpha() else value
        if name.lower() == "cookie":
            yield from (one.partition("=")[2].strip() for one in value.split(";"))


class Mask:
    """Of some secrets. `is_error`: the text is a refusal, or a head."""

    def __init__(self, secrets: Iterable[str], *, is_error: bool = False) -> None:
        known = {one for one in secrets if _is_masked(one, is_error)}
        self.needles = sorted({form.encode() for one in known for form in _forms(one)}, key=len, reverse=True)

    def __call__(self, data: bytes) -> bytes:
        for needle in self.needles:
            if needle in data:
                data = data.replace(needle, b"*" * len(needle))
        return data

    def text(self, text: str) -> str:
        """Of a header's value, say."""
        raw = text.encode("utf-8", "surrogateescape")
        masked = self(raw)
        return text if masked is raw else masked.decode("utf-8", "surrogateescape")


class StreamMask:
    """Of what comes in pieces: what may be the beginning of a secret waits for the next one."""

    found = False
    """Something was masked."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self._last_bytes = frozenset(byte for needle in mask.needles for byte in needle)
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """What is known to hold no secret, or no longer one."""
        came = self._rest + data if self._rest else data
        data = self.mask(came)
        self.found = self.found or data is not came
        kept = self._begun(data) if data and data[-1] in self._last_bytes else 0
        self._rest = data[len(data) - kept :]
        return data[: len(data) - kept] if kept else data

    def close(self) -> bytes:
        """What waited."""
        rest, self._rest = self._rest, b""
        return rest

    def _begun(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a secret."""
        longest = 0
        for needle in self.mask.needles:
            tail = data[-(len(needle) - 1) :]
            start = tail.find(needle[:1])
            while start >= 0:
                if needle.startswith(tail[start:]):
                    longest = max(longest, len(tail) - start)
                    break
                start = tail.find(needle[:1], start + 1)
        return longest


def _is_masked(secret: str, is_error: bool) -> bool:
    if is_error:
        return len(secret) >= _LEAST_IN_AN_ERROR
    is_mixed = any(one.isdigit() for one in secret) and any(one.isalpha() for one in secret)
    return len(secret) >= (_LEAST if is_mixed else _SURELY)


def _forms(secret: str) -> Iterator[str]:
    yield secret
    once = json.dumps(secret)[1:-1]
    yield from (once, once.replace("/", "\\/"), json.dumps(once)[1:-1])
    quoted = quote(secret, safe="")
    yield quoted
    if quoted != secret:
        yield quote(secret, safe="").replace("%", "%25")
        yield "".join(f"%{ord(one):02x}" if not (one.isalnum() or one in "-._~") else one for one in secret)
    yield from _in_base64(secret.encode())


def _in_base64(secret: bytes) -> Iterator[str]:
    """However many bytes stand before it; what depends on its neighbours is left out."""
    for before in range(3):
        bits = (before + len(secret)) * 8
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            form = encode(bytes(before) + secret).decode()[-(-before * 8 // 6) : bits // 6]
            if len(form) >= _LEAST_FORM:
                yield form
