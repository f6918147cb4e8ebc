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

The same thing has the same placeholder wherever it stands, so that two sides of an exchange still match. Placeholders
are left as they are, and so are `data:` URLs and our own seals: `redact_case.py` opens these, and knows JSON and
streams.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from converters import seal

SHORTEST_SECRET = 8  # of what the environment holds: a shorter value would be found in any text
_SHORTEST_NAME = 4
_EVERYBODY = {"root", "user", "admin", "ubuntu", "debian", "runner", "localhost", "home", "codex", "main", "test"}

_NOBODYS_HOME = "/root"  # says nothing about a person, and is what Codex calls its first agent

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
_LEFT_ALONE = re.compile(rf"data:[\w.+/-]+;base64,[\w+/=-]+|{re.escape(seal.PREFIX)}\w+\.[\w-]+")


PLACEHOLDER = re.compile(
    r"<(?:key|redacted)-\d+>|user-\d+@example\.com|/home/user-\d+|\\user-\d+|name-\d+"
    r"|00000000-0000-7000-8000-\d{12}|192\.0\.2\.\d+|2001:db8::\d+"
)


class Span(NamedTuple):
    """A find in a text. `kind` is for people, `placeholder` the form of what is to stand there."""

    start: int
    end: int
    kind: str = ""
    placeholder: str = ""
    found: str = ""


@dataclass(frozen=True)
class Private:
    """What is private here and has no shape of its own. `listed` is what the user named."""

    secrets: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    homes: tuple[str, ...] = ()


def secrets_of(environ: Mapping[str, str]) -> Iterator[str]:
    """The values of variables that are named like secrets."""
    for name, value in environ.items():
        if _SECRET_NAME.search(name) and len(value.strip()) >= SHORTEST_SECRET:
            yield value.strip()


class _Kind(NamedTuple):
    """How one kind of thing is found: `group` 1 of the pattern is replaced, or all where there is none.

    `marks`: a text with none of them has no such thing; looking for them is much faster than the pattern.
    """

    name: str
    placeholder: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool] = bool


def _is_secret_value(found: str) -> bool:
    return any(one.isdigit() for one in found) and any(one.isalpha() for one in found)


def _is_public_ip(found: str) -> bool:
    try:
        return ipaddress.ip_address(found).is_global
    except ValueError:
        return False


def _begins(*, not_after: str) -> str:
    """The start of a find. In JSON within a text, `\\n` is two characters, and the find begins behind both."""
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
"""Keys by their shape: of model providers and code hosts, of clouds and chats."""

_KINDS = (
    _Kind(
        "private key",
        "<key-{}>",
        ("PRIVATE KEY",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    ),
    _Kind(
        "key",
        "<key-{}>",
        _KEY_MARKS,
        KEY,
    ),
    _Kind(
        "token",
        "<key-{}>",
        ("eyJ",),
        re.compile(_begins(not_after=r"\w") + r"eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?"),
    ),
    _Kind("password", "<key-{}>", ("://",), re.compile(r"://[^\s/:@\"'<>]*:([^\s/:@\"'<>]{3,})@")),
    _Kind("token", "<key-{}>", ("earer ",), re.compile(r"[Bb]earer +([\w.~+/-]{8,}=*)"), _is_secret_value),
    _Kind(
        "id",
        "00000000-0000-7000-8000-{:012}",
        ("-",),
        re.compile(
            r"(?<![0-9A-Fa-f])(?!00000000-0000-7000-8000-0000)"
            r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
        ),
    ),
    _Kind(
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
    _Kind(
        "e-mail address",
        "user-{}@example.com",
        ("@",),
        re.compile(
            _begins(not_after=r"\w.%+@\\-")
            + r"(?!git@)[\w.%+-]+@(?!example\.)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?![\w-])"
        ),
    ),
    _Kind(
        "home folder",
        "/home/user-{}",
        ("/home/", "/Users/"),
        re.compile(_begins(not_after=r"\w.") + r"/(?:home|Users)/(?!user-\d|Shared\b)\w(?:[\w.-]*\w)?"),
    ),
    _Kind(
        "home folder",
        "user-{}",
        ("\\Users\\",),
        re.compile(_begins(not_after=r"\w") + r"[A-Za-z]:\\+Users\\+(?!user-\d|Public\b)(\w(?:[\w.-]*\w)?)"),
    ),
    _Kind(
        "address",
        "192.0.2.{}",
        (".",),
        re.compile(_begins(not_after=r"\w.-") + r"\d{1,3}(?:\.\d{1,3}){3}(?![\w-]|\.\d)"),
        _is_public_ip,
    ),
    _Kind(
        "address",
        "2001:db8::{}",
        ("::", ":2", ":3"),
        re.compile(r"(?<![\w:])[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}(?![\w:])"),
        _is_public_ip,
    ),
)


class Redactor:
    """The placeholders of one case."""

    def __init__(self, private: Private | None = None) -> None:
        self._kinds = [*_own_kinds(private or Private()), *_KINDS]
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def text(self, text: str) -> str:
        """The text with placeholders."""
        parts, at = [], 0
        for span in self.spans(text):
            parts += [text[at : span.start], self.instead(span)]
            at = span.end
        return "".join([*parts, text[at:]])

    def instead(self, span: Span) -> str:
        """The placeholder: the same for a thing and for its JSON-escaped form. They are numbered as they are needed."""
        known = (span.placeholder, _plain(span.found))
        if known not in self._known:
            count = self._counts[span.placeholder] = self._counts.get(span.placeholder, 0) + 1
            self._known[known] = span.placeholder.format(count)
        return self._known[known]

    def affected(self, texts: Iterable[str]) -> set[str]:
        """Those of the texts in which there is a find. One look at them all is much faster than one at each."""
        unique = list(set(texts))
        if not self.spans("\0".join(unique)):
            return set()
        return {text for text in unique if self.spans(text)}

    def spans(self, text: str) -> list[Span]:
        """All finds, in order; none overlaps another, the earlier kind has it."""
        opaque = "base64," in text or seal.PREFIX in text
        taken = [Span(*one.span()) for one in _LEFT_ALONE.finditer(text)] if opaque else []
        left_alone = len(taken)
        for kind in self._kinds:
            if any(mark in text for mark in kind.marks):
                found = [span for span in _of(kind, text) if not any(_overlap(span, one) for one in taken)]
                taken += found
        return sorted(taken[left_alone:])


def _of(kind: _Kind, text: str) -> Iterator[Span]:
    group = 1 if kind.pattern.groups else 0
    for match in kind.pattern.finditer(text):
        if kind.is_one(match[group]):
            yield Span(*match.span(group), kind.name, kind.placeholder, match[group])


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _own_kinds(private: Private) -> Iterator[_Kind]:
    """Longer values come first: one may begin with another."""
    yield from _exact("listed value", "<redacted-{}>", private.listed)
    yield from _exact("secret of the environment", "<key-{}>", private.secrets)
    homes = [home for home in private.homes if home.strip("/") and home != _NOBODYS_HOME]
    if homes:
        pattern = re.compile(_begins(not_after=r"\w.") + rf"(?:{_either(homes)})(?![\w.-]*\w)")
        yield _Kind("home folder", "/home/user-{}", tuple(homes), pattern)
    names = [name for name in private.names if len(name) >= _SHORTEST_NAME and name.lower() not in _EVERYBODY]
    if names:
        yield _Kind(
            "name", "name-{}", tuple(names), re.compile(_begins(not_after=r"\w-") + rf"(?:{_either(names)})(?![\w-])")
        )


def _exact(name: str, placeholder: str, values: Iterable[str]) -> Iterator[_Kind]:
    forms = {form for value in values if value for form in _forms(value)}
    if forms:
        yield _Kind(name, placeholder, tuple(forms), re.compile(_either(forms)))


def _forms(value: str) -> Iterator[str]:
    """A value as it may stand in a text: itself, in JSON, in JSON within JSON, in an address."""
    yield value
    yield quote(value, safe="")
    for in_ascii in (True, False):
        once = json.dumps(value, ensure_ascii=in_ascii)[1:-1]
        yield from (once, json.dumps(once, ensure_ascii=in_ascii)[1:-1])


def _either(values: Iterable[str]) -> str:
    return "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))


def _plain(found: str) -> str:
    """Without the escapes of JSON, however deep."""
    while "\\" in found:
        try:
            plain = json.loads(f'"{found}"')
        except ValueError:
            return found
        if plain == found:
            return found
        found = plain
    return found
