"""Masks credentials that an upstream repeats in its response, by as many asterisks as they have characters.

Some upstreams repeat the key that they refuse, or the whole request. Their response is masked before it is forwarded or
recorded, also where the key is escaped as in JSON or a URL, or encoded in Base64. All lengths stay the same.

A user may have set a plain word as key (`lm-studio`, `not-needed`), which a model may say: in a normal response only
what cannot be a word is masked, in an error and in headers all but very short values.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote

# Shortest secrets that are masked, in characters.
_SHORTEST_IN_ERROR = 6
_SHORTEST_MIXED = 12  # letters and digits
_SHORTEST_UNMIXED = 24
_SHORTEST_BASE64 = 8  # shorter ones would be found by chance


def values(headers: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The secrets in these headers: values without their scheme, and of cookies each value as well."""
    for name, value in headers:
        scheme, space, rest = value.partition(" ")
        yield rest.strip() if space and scheme.isalpha() else value
        if name.lower() == "cookie":
            yield from (cookie.partition("=")[2].strip() for cookie in value.split(";"))


class Mask:
    """Masks some secrets in whole texts. `is_error`: these are errors or headers."""

    def __init__(self, secrets: Iterable[str], *, is_error: bool = False) -> None:
        masked = [secret for secret in secrets if _is_masked(secret, is_error)]
        self.needles = sorted({form.encode() for secret in masked for form in _forms(secret)}, key=len, reverse=True)

    def __call__(self, data: bytes) -> bytes:
        for needle in self.needles:
            if needle in data:
                data = data.replace(needle, b"*" * len(needle))
        return data

    def text(self, text: str) -> str:
        raw = text.encode("utf-8", "surrogateescape")
        masked = self(raw)
        return text if masked is raw else masked.decode("utf-8", "surrogateescape")


class StreamMask:
    """Masks a stream piece by piece: bytes that may begin a secret are held until the next piece."""

    found = False
    """Whether something was masked."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self._last_bytes = frozenset(byte for needle in mask.needles for byte in needle)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The masked bytes up to where a secret may have begun."""
        unmasked = self._held + data if self._held else data
        data = self.mask(unmasked)
        self.found = self.found or data is not unmasked
        held = self._partial_length(data) if data and data[-1] in self._last_bytes else 0
        self._held = data[len(data) - held :]
        return data[: len(data) - held] if held else data

    def close(self) -> bytes:
        """The bytes that were held."""
        held, self._held = self._held, b""
        return held

    def _partial_length(self, data: bytes) -> int:
        """How many bytes at the end may begin a secret."""
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
        return len(secret) >= _SHORTEST_IN_ERROR
    is_mixed = any(char.isdigit() for char in secret) and any(char.isalpha() for char in secret)
    return len(secret) >= (_SHORTEST_MIXED if is_mixed else _SHORTEST_UNMIXED)


def _forms(secret: str) -> Iterator[str]:
    """The spellings of a secret: plain, in JSON, in JSON within JSON, percent-encoded, in Base64."""
    yield secret
    escaped = json.dumps(secret)[1:-1]
    yield from (escaped, escaped.replace("/", "\\/"), json.dumps(escaped)[1:-1])
    quoted = quote(secret, safe="")
    yield quoted
    if quoted != secret:
        yield quoted.replace("%", "%25")
        yield "".join(char if char.isalnum() or char in "-._~" else f"%{ord(char):02x}" for char in secret)
    yield from _base64_forms(secret.encode())


def _base64_forms(secret: bytes) -> Iterator[str]:
    """At each of the three alignments, without the characters at both ends that depend on neighbouring bytes."""
    for offset in range(3):
        bits = (offset + len(secret)) * 8
        for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
            form = encode(bytes(offset) + secret).decode()[-(-offset * 8 // 6) : bits // 6]
            if len(form) >= _SHORTEST_BASE64:
                yield form
