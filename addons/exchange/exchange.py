"""The record of one client request and of its attempts, which addons and the layer share.

Addons choose what is tried, the layer does it. Both live in memory alone, since they hold credentials, and no longer
than the exchange: what outlives it is in the flows and their metadata.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mitmproxy import http

from addons.routing.account import Account
from addons.routing.endpoint import ProviderEndpoint
from addons.routing.router import Route
from converters.conversion import ClientRequest
from converters.dialect import DialectChange
from converters.errors import Client, ClientResponse, Fault, RequestError
from converters.jsontext import Json
from converters.losses import Losses

type Outcome = Literal["answered", "refused", "failed", "killed", "client_left"]
"""What came of an attempt, or of an exchange.

`refused`: the upstream responded with an error; of an exchange, there was no attempt. `failed`: anything else went
wrong; of an exchange, its last attempt was refused or failed. `killed`: a person stopped the flow.
"""

CLIENT_LEFT = "client disconnected"
"""The error of a flow whose client did not wait for its end."""


class ResponseConverter(Protocol):
    """What makes the client's response of the upstream's; `converters.conversion.Conversion` fits. Nothing here may
    raise."""

    stream: bool
    """Whether the client wants pieces as they come; else `whole` after the end."""

    losses: Losses

    @property
    def progress(self) -> int:
        """Grows with each event that has content; comments and pings have none."""

    @property
    def fault(self) -> Fault | None:
        """Why it failed, once it has."""

    @property
    def failed(self) -> bool:
        """It has failed, and the client has its end where it could be sent: the upstream is not needed."""

    @property
    def ended(self) -> bool:
        """The response is whole, or it has failed; what still comes is not needed."""

    @property
    def usage(self) -> Json | None: ...

    @property
    def surprise(self) -> str:
        """A mistake of ours, and where."""

    @property
    def blames_reasoning(self) -> bool:
        """The upstream refused the request for the thread's earlier reasoning."""

    @property
    def lesson(self) -> DialectChange | None:
        """What a refusal says of the upstream's dialect."""

    @property
    def blames_previous_response(self) -> bool:
        """The upstream does not know the response that the request follows, and can do without."""

    def feed(self, data: bytes) -> list[bytes]:
        """What the client reads now: nothing before there is content."""

    def close(self) -> list[bytes]: ...

    def fail(self, fault: Fault) -> list[bytes]:
        """The end of a response that breaks off; nothing if it had come to its end."""

    def commit(self) -> list[bytes]:
        """The client waits for content no longer: what is held back for it, and from now on all as it comes."""

    def refused(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """The upstream responded with an error."""

    def whole(self) -> ClientResponse:
        """The response of a client that reads no stream, or has read nothing of one that failed."""

    def keepalive(self) -> list[bytes]:
        """What keeps a waiting client from giving up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one attempt. Times are in seconds, None is no limit; see `layer/attempt_clock.py`."""

    connect: float | None = None
    """Until a connection is there."""

    first_byte: float | None = None
    """From a small request to the first byte of a body; a large one gets more."""

    idle: float | None = None
    """From one byte to the next."""

    progress: float | None = None
    """From one event with content to the next."""

    answer: int = 1 << 28
    """The most bytes of a response, as they come and decoded."""

    whole: float | None = None
    """From the request to the end of the response."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try: the endpoint, with which of its keys, and how."""

    endpoint: ProviderEndpoint
    reasoning_stripped: bool = False
    previous_response_stripped: bool = False
    key: str | None = field(default=None, repr=False)
    """One of the endpoint's; by default its first."""

    wait: float = 0.0
    """Seconds before it begins."""

    reason: str = ""
    """Why this is tried after what failed, for a person: `next try`, `next key`, `next provider NAME`."""

    turn_state: str | None = None
    """The header `x-codex-turn-state` that the upstream gets, nothing where it is empty; None leaves the client's."""

    turn_state_prefix: str = ""
    """What the client's value of that header begins with, so that its turn stays here; the upstream's own follows."""

    @property
    def account(self) -> Account:
        return self.endpoint.account(self.key)


@dataclass(eq=False)
class Attempt:
    """One try at one upstream. The addon that plans it fills in the upper part, the layer the lower one."""

    flow: http.HTTPFlow
    """Its request names scheme, host and port, and holds no credentials."""

    conversion: ResponseConverter = field(repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers that exist on the wire only: they replace the flow's own on a copy as it is sent."""

    provider_name: str = "the upstream"
    model: str = ""
    """Its name upstream."""

    limits: Limits = Limits()
    plan: Plan | None = None

    outcome: Outcome | None = None
    fault: Fault | None = None
    next_step: str = ""
    """What was decided after it failed, for a person; empty where nothing was."""

    started: float = 0.0
    """The times are the system's, in seconds; 0 is not yet."""

    first_byte: float = 0.0
    first_content: float = 0.0
    """When there was text, reasoning or a call to tell."""

    ended: float = 0.0

    @property
    def status(self) -> int | None:
        """The upstream's."""
        return self.flow.response.status_code if self.flow.response else None

    @property
    def usage(self) -> Json | None:
        """The tokens that the upstream counted, in the form of a Responses API response."""
        return self.conversion.usage

    @property
    def losses(self) -> Losses:
        """What could not be carried over, of the request and of the response."""
        return self.conversion.losses


class RetryState(Protocol):
    """What decides on the attempts of one exchange, see `retry_policy.py`."""

    async def next_plan(self) -> Plan | None:
        """What is tried now, after whatever it has to wait for; None ends the exchange, and its client reads a failure.

        Nothing is planned while an attempt is in progress.
        """

    def not_convertible(self, error: RequestError) -> None:
        """The request cannot be converted for the last plan: it leads to no attempt."""

    def attempt_ended(self, attempt: Attempt) -> None:
        """Takes in what came of it, and decides what is next."""

    def exchange_ended(self) -> None:
        """Gives up whatever is held for the exchange; its last plan may have led to no attempt."""


@dataclass(eq=False)
class Exchange:
    """A client's request and the attempts at a response.

    In the hook `next_attempt` an addon sets `attempt`, or `flow.response`, or, before the first
    attempt, `pass_through`. With no word from any, the client reads why the last attempt failed; where there was none,
    it is refused: what was to be routed goes nowhere else.
    """

    flow: http.HTTPFlow
    """The client's. Only its response, comment and metadata are ever set."""

    client: Client = "other"
    request: ClientRequest | None = field(default=None, repr=False)
    endpoints: Sequence[ProviderEndpoint] = ()
    """Those that serve the request, in the order of preference."""

    route: Route | None = None
    """The one that has named them, and how they are tried."""

    estimated_tokens: int = 0
    """Of the request."""

    retries: RetryState | None = field(default=None, repr=False)
    """What decides on the attempts, from the first one on."""

    attempt: Attempt | None = None
    """What to try next."""

    pass_through: bool = False
    """The request goes to mitmproxy's own target, just as it is."""

    quiet: float = 15.0
    """How many seconds the client may read nothing, once it has read something, before it gets a keep-alive."""

    head_patience: float | None = None
    """How many seconds the client waits for the head of a response, while its content lets itself be waited for."""

    attempts: list[Attempt] = field(default_factory=list)
    """All that were tried, the last one last."""

    reported: Attempt | None = None
    """Whose failure the client reads; by default the last attempt's."""

    client_left: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when the client leaves, or its flow is killed, while a hook is waited for: what waits there need not."""

    response_headers: dict[str, str] = field(default_factory=dict)
    """Headers that the client's response gets beside those of the upstream's, or in their place; names in lower case.
    To be set before there is content, as in `responseheaders` of an attempt."""

    outcome: Outcome | None = None
    fault: Fault | None = None
    """Why the last attempt failed, or why there was none; at the end, that of the attempt which is `reported`."""

    started: float = field(default_factory=time.time)
    ended: float = 0.0

    @property
    def last_attempt(self) -> Attempt | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def read_attempt(self) -> Attempt | None:
        """The one whose response, or whose failure, the client reads; None where it is refused here."""
        return next((attempt for attempt in reversed(self.attempts) if attempt.fault is self.fault), None)

    @property
    def status(self) -> int | None:
        """The client's; None where it read nothing."""
        return self.flow.response.status_code if self.flow.response else None

    @property
    def model(self) -> str:
        """The one that the client requested; empty where that could not be read."""
        raw = self.request.raw if self.request else {}
        return model if isinstance(model := raw.get("model"), str) else ""

    @property
    def provider_name(self) -> str:
        """Of the last attempt; empty where there was none."""
        return self.attempts[-1].provider_name if self.attempts else ""

    @property
    def usage(self) -> Json | None:
        return self.attempts[-1].usage if self.attempts else None

    @property
    def losses(self) -> Losses:
        return self.attempts[-1].losses if self.attempts else Losses()
