"""One attempt's conversion, its request and its response: the only door that addons use.

    request = ClientRequest(load(body))                      # raises RequestError
    conversion = open_conversion(request, spec)              # raises RequestError: nothing was sent yet
    POST to the upstream's base + conversion.path: conversion.headers, conversion.body
    client <- conversion.feed(bytes from upstream) ... conversion.close()

`feed`, `close` and `fail` never raise (`boundary.py` sees to that): what goes wrong becomes the stream's one terminal
event. They give nothing before there is content (`committed`): a request whose response fails before that can still be
retried elsewhere, and `whole` is the client's error if it is not. `whole` is also the response for a client that
requested no stream, made of the same events.
"""

from dataclasses import replace
from functools import cached_property, partial

from converters import errors, lessons
from converters.boundary import Conversion
from converters.dialect import DialectChange
from converters.errors import RequestError
from converters.jsontext import Json
from converters.losses import Losses
from converters.protocols import PROTOCOLS, RESPONSES, Upstream
from converters.relayed import RelayedConversion
from converters.responses import previous_response, reasoning, relay, wire
from converters.spec import ConversionSpec
from converters.translated import TranslatedConversion

__all__ = [
    "ClientRequest",
    "Conversion",
    "ConversionSpec",
    "Upstream",
    "load",
    "model_of",
    "open_conversion",
    "passes_as_it_is",
]

load = wire.load


class ClientRequest:
    """A client's request, loaded, and validated once for all conversions that need it so."""

    def __init__(self, raw: Json) -> None:
        self.raw = raw

    @cached_property
    def model(self) -> str:
        """Raises RequestError."""
        return model_of(self.raw)

    @cached_property
    def validated(self) -> wire.Request:
        """Raises RequestError."""
        return wire.read(self.raw)


def open_conversion(request: ClientRequest, spec: ConversionSpec, *, event_limit: int | None = None) -> Conversion:
    """The conversion of one request for one upstream.

    `event_limit`: the most bytes of one event, or of a response that is no stream.

    Raises:
        RequestError: the request cannot be converted.
    """
    conversion = _opened(request, spec, event_limit)
    conversion.learn = partial(_lesson, request, spec)
    return conversion


def _opened(request: ClientRequest, spec: ConversionSpec, event_limit: int | None) -> Conversion:
    losses = Losses()
    if spec.reasoning_stripped:
        request = ClientRequest(reasoning.stripped(request.raw, losses))
    if spec.previous_response_stripped:
        request = ClientRequest(previous_response.stripped(request.raw, losses))
    if spec.upstream.protocol == RESPONSES:
        return RelayedConversion(request.raw, spec, losses, event_limit=event_limit)
    return TranslatedConversion(request.validated, spec, losses, event_limit=event_limit)


_LESSON_KINDS = ("bad_request", "server", "model_not_found")
_MOST_TRIED = 8


def _lesson(
    request: ClientRequest, spec: ConversionSpec, refused: Conversion, status: int, body: bytes
) -> DialectChange | None:
    """The first change that a refusal may teach and that makes another request of the refused one."""
    if status not in lessons.STATUSES or refused.fault is None or refused.fault.kind not in _LESSON_KINDS:
        return None
    upstream = spec.upstream
    proposed = lessons.changes(PROTOCOLS[upstream.protocol].lessons, upstream.dialect, errors.read_body(body))
    for change, _ in zip(proposed, range(_MOST_TRIED), strict=False):
        try:
            changed = replace(spec, upstream=replace(upstream, dialect=upstream.dialect.changed(change)))
            another = _opened(request, changed, None)
        except (ValueError, RequestError):  # no such value, or a request that it cannot be said for
            continue
        if (another.body, another.headers) != (refused.body, refused.headers):
            return change
    return None


def passes_as_it_is(raw: Json) -> bool:
    """Whether a request holds nothing that OpenAI itself would refuse: it was with another model before."""
    return not relay.changes(raw)


def model_of(raw: Json) -> str:
    """The model that a request names.

    Raises:
        RequestError: it names none.
    """
    model = raw.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("the request names no model", param="model")
    return model
