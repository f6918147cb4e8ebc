"""Who pays for a request: a provider, and one of its keys.

What is remembered of a key, in memory or in a file, is kept under its fingerprint; what a person sees of it are its
last four characters.
"""

import hashlib
from typing import NamedTuple

_FEWEST_SHOWN_OF = 12


class Account(NamedTuple):
    """`key` is a fingerprint; empty where the provider needs no key, or gets the client's own credentials."""

    provider: str
    key: str = ""


def fingerprint(key: str) -> str:
    """Twelve hexadecimal digits that stand for a key; it cannot be had from them."""
    return hashlib.blake2b(key.encode(), digest_size=6, person=b"transcodex key").hexdigest()


def last_four(key: str) -> str:
    """As much of a key as a person needs to know which one it is; nothing of one that is that short."""
    return f"...{key[-4:]}" if len(key) >= _FEWEST_SHOWN_OF else "..."
