"""What holds for every conversion, whatever the client asks and the upstream answers; for the fuzz tests."""

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import orjson

from converters import conversion, errors, sse
from converters.conversion import Conversion, Upstream
from converters.dialect import Dialect
from converters.errors import Client, RequestError
from converters.protocols import PROTOCOLS
from converters.rendering.readable import readable
from converters.request_fingerprint import RequestFingerprint

REPOSITORY = Path(__file__).parents[1]
ENDS = {"response.completed", "response.incomplete", "response.failed"}
_LONGEST_MESSAGE, _LONGEST_SUMMARY = 2000, 6000


@dataclass(frozen=True)
class Setting:
    """All that a conversion depends on beside the bytes."""

    upstream: Upstream
    client: Client = "codex"
    compact: bool = False
    reasoning_stripped: bool = False

    def __str__(self) -> str:
        flags = self.upstream.dialect.model_dump(exclude_defaults=True)
        ways = [name for name in ("compact", "reasoning_stripped") if getattr(self, name)]
        return f"{self.upstream.protocol} for {', '.join([self.client, *ways])}: {flags}"

    def open(self, body: bytes) -> Conversion:
        """
        Raises:
            RequestError: the request cannot be converted.
        """
        raw = conversion.load(body)
        conversion.model_of(raw)
        conversion.passes_as_it_is(raw)
        spec = conversion.ConversionSpec(
            self.upstream, 1, self.client, compact=self.compact, reasoning_stripped=self.reasoning_stripped
        )
        return conversion.open_conversion(conversion.ClientRequest(raw), spec)


def settings() -> list[Setting]:
    """Each protocol as its inventor serves it, with each flag at each other value, and as each shipped provider."""
    upstreams = [Upstream("Nobody", protocol, "any", dialect) for protocol, dialect in _dialects()]
    plain = [Setting(upstream) for upstream in upstreams]
    bare = [Setting(Upstream("Nobody", protocol, "any", row.dialect())) for protocol, row in PROTOCOLS.items()]
    others = [replace(setting, client=client) for setting in bare for client in ("other", "older-codex")]
    return [
        *plain,
        *others,
        *(replace(setting, compact=True) for setting in bare),
        *(replace(setting, reasoning_stripped=True) for setting in bare),
    ]


def _dialects() -> Iterator[tuple[str, Dialect]]:
    for protocol, row in PROTOCOLS.items():
        dialect = row.dialect
        yield protocol, dialect()
        for flag, field in dialect.model_fields.items():
            for value in _values(field.annotation):
                if value != field.default:
                    yield protocol, dialect(**{flag: value})
    shipped = tomllib.loads((REPOSITORY / "addons" / "routing" / "providers.toml").read_text())["providers"].values()
    for provider in shipped:
        protocol = provider.get("protocol", "chat")
        yield protocol, PROTOCOLS[protocol].dialect(**provider.get("dialect", {}))


def _values(annotation: Any) -> tuple[Any, ...]:
    """Those of a flag that has few; of lists and objects, one that says something."""
    if annotation is bool:
        return True, False
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return ()


def check_request(body: bytes, setting: Setting, answer: bytes, *, shown: bool) -> None:
    """What holds for any request; `answer` is one that the upstream gave to another. `shown`: a person looks at it."""
    if shown:
        readable(body)
    with suppress(RequestError):
        RequestFingerprint.of(conversion.load(body))
    try:
        opened = setting.open(body)
    except RequestError as error:
        _check_refusal(error, setting.client)
        return
    orjson.loads(opened.body)
    if shown:
        readable(opened.body)
    assert len(opened.losses.summary()) < _LONGEST_SUMMARY
    check_answer(opened, answer)


def check_answer(opened: Conversion, answer: bytes, cut: int = 1 << 30) -> None:
    """One end, last, for whatever answer."""
    pieces = [answer[at : at + cut] for at in range(0, len(answer), cut)]
    said = b"".join(opened.commit())
    said += b"".join(chunk for piece in pieces for chunk in opened.feed(piece))
    said += b"".join(opened.close())
    if not opened.stream:
        assert said == b""
        whole = opened.whole().body
        assert not opened.surprise, opened.surprise
        assert whole == answer or isinstance(orjson.loads(whole), dict)  # what is relayed stays as it is
        return
    assert not opened.surprise, opened.surprise
    parser = sse.Parser()
    kinds = [orjson.loads(message.data)["type"] for message in parser.feed(said) + parser.close()]
    assert sum(kind in ENDS for kind in kinds) == 1 and kinds[-1] in ENDS, kinds[-5:]


def _check_refusal(error: RequestError, client: Client) -> None:
    told = errors.refusal(error, client)
    assert len(told.body) < 2 * _LONGEST_MESSAGE
    assert error.param or "body" in str(error), "names no place"
