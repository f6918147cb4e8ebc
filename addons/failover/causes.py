"""What a failed attempt leads to, by its cause: one table for all that the policy decides.

| what happened                                                                 | kind               |
|-------------------------------------------------------------------------------|--------------------|
| no connection: refused, no such host, TLS, none in time (`connect`)           | `unreachable`, `timeout` |
| a connection that breaks before the end of a response, a stream without end   | `cut`              |
| 500, 502; a page or another form in place of a response; 1xx                  | `server`           |
| 503, 529, 498; an error event that says so                                    | `overloaded`       |
| 408, 504, 524; nothing in time (`first_byte`, `idle`, `progress`)             | `timeout`          |
| 429 and what means it                                                         | `rate_limited`     |
| 401, 403, 407                                                                 | `auth`             |
| 402; a 429 for which no wait helps                                            | `quota`            |
| 400, 422, a redirect, and whatever else blames the request                    | `bad_request`      |
| 413, and any error that blames its length                                     | `context_overflow` |
| a complete response without text or call                                      | `empty`            |

Statuses and words: `converters/errors/classify.py`. How long it keeps others away: `addons/health/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from converters.errors import Kind

type Concern = Literal["key", "provider", "request"]


@dataclass(frozen=True, slots=True)
class Consequence:
    concerns: Concern
    """What is asked no more in this exchange, once it has been repeated: this key, the provider with all its keys, or
    anybody."""

    repeats: int = 0
    """How often the same key is tried again, at most."""

    others_first: bool = False
    """Other keys and providers come before a repeat."""

    worth_a_wait: bool = False
    """It is repeated also where that has to wait for the end of a cool-down."""

    time_cures: bool = False
    """The client may well have better luck later."""


CONSEQUENCES: Mapping[Kind, Consequence] = {
    "unreachable": Consequence("provider", repeats=2, time_cures=True),
    "cut": Consequence("provider", repeats=2, time_cures=True),
    "server": Consequence("provider", repeats=2, time_cures=True),
    "overloaded": Consequence("provider", repeats=2, worth_a_wait=True, time_cures=True),
    "timeout": Consequence("provider", time_cures=True),  # it has taken its time already
    "empty": Consequence("provider", repeats=1, time_cures=True),
    "rate_limited": Consequence("key", repeats=2, others_first=True, worth_a_wait=True, time_cures=True),
    "auth": Consequence("key"),
    "quota": Consequence("key"),
    "model_not_found": Consequence("provider"),
    "bad_request": Consequence("provider"),
    "context_overflow": Consequence("provider"),  # and those whose context is known to be no larger
    "content_policy": Consequence("request"),  # another provider is no way around it
}
