"""What must not stand in a recorded exchange, and what stands there instead.

| what                                                        | becomes                                |
|-------------------------------------------------------------|----------------------------------------|
| private key blocks, API keys and tokens of known shapes,    | `<key-1>`                              |
| JWTs, bearer tokens, `SOME_TOKEN=...`, values of the        |                                        |
| environment that are named like secrets                     |                                        |
| what the user lists                                         | `<redacted-1>`                         |
| e-mail addresses                                            | `user-1@example.com`                   |
| /home/NAME, /Users/NAME, the proxy's own home               | `/home/user-1`                         |
| C:\\Users\\NAME                                               | `C:\\Users\\user-1`                      |
| names of this machine and of its user                       | `name-1`                               |
| UUIDs: Codex's installation, session, thread, turn, items   | `00000000-0000-7000-8000-000000000001` |
| public IP addresses                                         | `192.0.2.1`, `2001:db8::1`             |

A value has the same placeholder wherever it stands, so that both sides of an exchange still match. Placeholders,
`data:` URLs and our own seals are left as they are. `redact_case.py` opens seals, and knows JSON and streams.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from converters import seal

SHORTEST_SECRET = 8  # characters: a shorter value of the environment would be found in any text
_SHORTEST_NAME = 4  # characters
_COMMON_NAMES = {"root", "user", "admin", "ubuntu", "debian", "runner", "localhost", "home", "codex", "main", "test"}
"""Names of machines and users that identify nobody."""

_IMPERSONAL_HOME = "/root"  # identifies nobody, and is what Codex calls its first agent

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_OPAQUE = re.compile(rf"data:[\w.+/-]+;base64,[\w+/=-]+|{re.escape(seal.PREFIX)}\w+\.[\w-]+")
"""Left as it is: `data:` URLs and seals."""

PLACEHOLDER = re.compile(
    r"<(?:key|redacted)-\d+>|user-\d+@example\.com|/home/user-\d+|\\user-\d+|name-\d+"
    r"|00000000-0000-7000-8000-\d{12}|192\.0\.2\.\d+|2001:db8::\d+"
)


class Span(NamedTuple):
    """A match in a text. `kind` is for people, `placeholder` the format of its replacement."""

    start: int
    end: int
    kind: str = ""
    placeholder: str = ""
    found: str = ""


@dataclass(frozen=True)
class PrivateValues:
    """Private values of this machine, which no pattern knows. `listed` are those that the user named."""

    secrets: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()


def secrets_in_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of variables that are named like secrets."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and len(value.strip()) >= SHORTEST_SECRET:
            yield value.strip()


class _Detector(NamedTuple):
    """Finds one kind of private value: group 1 of the pattern is replaced, or the whole match where it has no group.

    The pattern is tried only on a text that contains one of `hints`, since looking for these is much faster.
    """

    name: str
    placeholder: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool] = bool


def _is_secret_value(found: str) -> bool:
    return any(map(str.isdigit, found)) and any(map(str.isalpha, found))


def _is_public_ip(found: str) -> bool:
    try:
        return ipaddress.ip_address(found).is_global
    except ValueError:
        return False


def _begins(*, not_after: str) -> str:
    """The start of a match. In JSON within a text, `\\n` is two characters, and the match begins behind both."""
    return rf"(?:(?<![{not_after}])|(?<=\\[nrt]))"


_KEY_MARKS = (
    "sk-",
    "AIza",
    "gsk_",
    "xai-",
    "gh",
    "github_pat_",
    "AKIA",
    "ASIA",
    "hf_",
    "xox",
    "glpat-",
    "nvapi-",
    "r8_",
    "pplx-",
    "pypi-",
    "SG.",
    "k_live_",
    "hooks.slack.com/",
    "AccountKey=",
)

KEY = re.compile(
    _begins(not_after="A-Za-z0-9") + r"(?:sk-[\w-]{16,}|AIza[\w-]{30,}|gsk_\w{20,}|xai-[\w-]{20,}|gh[pousr]_\w{20,}"
    r"|github_pat_\w{20,}|A(?:KI|SI)A[0-9A-Z]{16}(?![0-9A-Z])|hf_\w{20,}|xox[abposr]-[\w-]{10,}"
    r"|glpat-[\w-]{16,}|(?<!\\)nvapi-[\w-]{20,}|(?<!\\)r8_\w{20,}|pplx-\w{20,}|pypi-[\w-]{50,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|[rs]k_live_\w{16,}|hooks\.slack\.com/[\w/]{20,}|AccountKey=[\w+/]{80,}=*)"
)
"""API keys by their shape: of model providers, code hosts, clouds and chat services."""

_DETECTORS = (
    _Detector(
        "private key",
        "<key-{}>",
        ("PRIVATE KEY",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    ),
    _Detector(
        "key",
        "<key-{}>",
        _KEY_MARKS,
        KEY,
    ),
    _Detector(
        "token",
        "<key-{}>",
        ("eyJ",),
        re.compile(_begins(not_after=r"\w") + r"eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?"),
    ),
    _Detector("password", "<key-{}>", ("://",), re.compile(r"://[^\s/:@\"'<>]*:([^\s/:@\"'<>]{3,})@")),
    _Detector("token", "<key-{}>", ("earer ",), re.compile(r"[Bb]earer +([\w.~+/-]{8,}=*)"), _is_secret_value),
    _Detector(
        "id",
        "00000000-0000-7000-8000-{:012}",
        ("-",),
        re.compile(
            r"(?<![0-9A-Fa-f])(?!00000000-0000-7000-8000-0000)"
            r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
        ),
    ),
    _Detector(
        "secret",
        "<key-{}>",
        ("=", ":"),
        re.compile(
            r"(?:(?:api|access|secret|private|auth)[_-]?key|token|secret|passwor?d)"
            r"[\"'\\]{0,4}\s?[:=]\s?[\"'\\]{0,4}([\w.~+/-]{16,}=*)",
            re.IGNORECASE,
        ),
        _is_secret_value,
    ),
    _Detector(
        "e-mail address",
        "user-{}@example.com",
        ("@",),
        re.compile(
            _begins(not_after=r"\w.%+@\\-")
            + r"(?!git@)[\w.%+-]+@(?!example\.)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![\w-])"
        ),
    ),
    _Detector(
        "home folder",
        "/home/user-{}",
        ("/home/", "/Users/"),
        re.compile(_begins(not_after=r"\w.") + r"/(?:home|Users)/(?!user-\d|Shared\b)\w(?:[\w.-]*\w)?"),
    ),
    _Detector(
        "home folder",
        "user-{}",
        ("\\Users\\",),
        re.compile(_begins(not_after=r"\w") + r"[A-Za-z]:\\+Users\\+(?!user-\d|Public\b)(\w(?:[\w.-]*\w)?)"),
    ),
    _Detector(
        "address",
        "192.0.2.{}",
        (".",),
        re.compile(_begins(not_after=r"\w.-") + r"\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"),
        _is_public_ip,
    ),
    _Detector(
        "address",
        "2001:db8::{}",
        ("::", ":2", ":3"),
        re.compile(r"(?<![\w:])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?![\w:])"),
        _is_public_ip,
    ),
)


class Redactor:
    """Replaces private values of one case by placeholders, which it numbers."""

    def __init__(self, private: PrivateValues | None = None) -> None:
        self._detectors = [*_detectors_of(private or PrivateValues()), *_DETECTORS]
        self._placeholders: dict[tuple[str, str], str] = {}
        """(format, value) -> placeholder."""
        self._counts: dict[str, int] = {}

    def text(self, text: str) -> str:
        """The text with placeholders."""
        parts, at = [], 0
        for span in self.spans(text):
            parts += [text[at : span.start], self.placeholder_for(span)]
            at = span.end
        return "".join([*parts, text[at:]])

    def placeholder_for(self, span: Span) -> str:
        """The placeholder, numbered at first use; the same for a value and for its JSON-escaped form."""
        key = (span.placeholder, _unescaped(span.found))
        if key not in self._placeholders:
            count = self._counts[span.placeholder] = self._counts.get(span.placeholder, 0) + 1
            self._placeholders[key] = span.placeholder.format(count)
        return self._placeholders[key]

    def affected(self, texts: Iterable[str]) -> set[str]:
        """Those of the texts that have a match. Searching them joined first is much faster than each by itself."""
        unique = list(set(texts))
        if not self.spans("\0".join(unique)):
            return set()
        return {text for text in unique if self.spans(text)}

    def spans(self, text: str) -> list[Span]:
        """All matches, in order; of those that overlap, the one of the earlier detector."""
        has_opaque = "base64," in text or seal.PREFIX in text
        taken = [Span(*match.span()) for match in _OPAQUE.finditer(text)] if has_opaque else []
        opaque = len(taken)
        for detector in self._detectors:
            if any(hint in text for hint in detector.hints):
                free = [span for span in _matches(detector, text) if not any(_overlap(span, other) for other in taken)]
                taken += free
        return sorted(taken[opaque:])


def _matches(detector: _Detector, text: str) -> Iterator[Span]:
    group = 1 if detector.pattern.groups else 0
    for match in detector.pattern.finditer(text):
        if detector.accepts(match[group]):
            yield Span(*match.span(group), detector.name, detector.placeholder, match[group])


def _overlap(span: Span, other: Span) -> bool:
    return span.start < other.end and other.start < span.end


def _detectors_of(private: PrivateValues) -> Iterator[_Detector]:
    yield from _exact_values("listed value", "<redacted-{}>", private.listed)
    yield from _exact_values("secret of the environment", "<key-{}>", private.secrets)
    homes = [home for home in private.homes if home.strip("/") and home != _IMPERSONAL_HOME]
    if homes:
        pattern = re.compile(_begins(not_after=r"\w.") + rf"(?:{_either(homes)})(?![\w.-]*\w)")
        yield _Detector("home folder", "/home/user-{}", tuple(homes), pattern)
    names = [name for name in private.names if len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON_NAMES]
    if names:
        pattern = re.compile(_begins(not_after=r"\w-") + rf"(?:{_either(names)})(?![\w-])")
        yield _Detector("name", "name-{}", tuple(names), pattern)


def _exact_values(name: str, placeholder: str, values: Iterable[str]) -> Iterator[_Detector]:
    forms = {form for value in values if value for form in _encodings(value)}
    if forms:
        yield _Detector(name, placeholder, tuple(forms), re.compile(_either(forms)))


def _encodings(value: str) -> Iterator[str]:
    """A value as it may stand in a text: as it is, percent-encoded, in JSON, in JSON within JSON."""
    yield value
    yield quote(value, safe="")
    for in_ascii in (True, False):
        once = json.dumps(value, ensure_ascii=in_ascii)[1:-1]
        yield from (once, json.dumps(once, ensure_ascii=in_ascii)[1:-1])


def _either(values: Iterable[str]) -> str:
    """A pattern for any of the values; longer ones come first, since one may begin with another."""
    return "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))


def _unescaped(value: str) -> str:
    """Without the escapes of JSON, however deep."""
    while "\\" in value:
        try:
            unescaped = json.loads(f'"{value}"')
        except ValueError:
            break
        if unescaped == value:
            break
        value = unescaped
    return value
