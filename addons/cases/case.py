"""A case: one recorded exchange as a folder of text files, reviewed like code and replayed by tests.

    flows/<protocol>/<behaviour>/
      case.toml               what it pins, in one sentence, and all that a conversion depends on beside the bytes
      client_request.json     input   what the client sent
      upstream_request.json   golden  what the upstream is sent
      upstream_response.sse   input   what came back, byte for byte (.json and .txt where it is no stream;
                                      none where there was no response)
      client_response.sse     golden  what the client reads (.json where it is no stream)

What many cases contain stands once in `flows/shared/` (shared_texts.py); a `Case` in memory holds all of itself.

Inputs are recorded. Goldens are made of them by today's code (`Case.renewed`) and accepted by a person. JSON is
pretty-printed but for the upstream's, whose bytes are an input.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import orjson

from addons.cases import atomic_dir, shared_texts
from addons.cases.case_metadata import CaseMetadata, ClientResponseHead
from addons.cases.shared_texts import SharedTextError
from converters import jsontext
from converters.conversion import ClientRequest, Conversion, load, open_conversion
from converters.errors import ClientResponse, Fault

type Form = Literal["sse", "json", "txt"]

_METADATA = "case.toml"
_FORMS: tuple[Form, ...] = ("sse", "json", "txt")


class CaseError(ValueError):
    """A folder is no case; the text names the file and the place in it."""


@dataclass(frozen=True)
class Text:
    """A body and how its file is called."""

    form: Form
    data: bytes

    @classmethod
    def of(cls, body: bytes) -> Self:
        """JSON, a stream or anything else, by how it begins; the bytes stay as they are."""
        if _looks_like_a_stream(body):
            return cls("sse", body)
        return cls("json" if _is_json(body) else "txt", body)

    @classmethod
    def pretty(cls, body: bytes) -> Self:
        """JSON pretty-printed; else as `of`."""
        text = cls.of(body)
        return cls("json", pretty(body)) if text.form == "json" else text


def pretty(body: bytes) -> bytes:
    """JSON as our files have it: two spaces, keys in their order, one newline at the end."""
    return orjson.dumps(jsontext.loads(body), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True)
class Case:
    """`client_request` and `upstream_request` are pretty-printed JSON. The goldens of a case that was just recorded
    are what went over the wire then."""

    metadata: CaseMetadata
    client_request: bytes
    upstream_request: bytes
    upstream_response: Text | None
    client_response: Text

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The case in a folder.

        Raises:
            CaseError: it is none, lacks a file, or has one that no case has.
        """
        files = _unfolded(folder)
        metadata = _metadata(folder, files)
        case = cls(
            metadata,
            _take(folder, files, "client_request", ("json",)).data,
            _take(folder, files, "upstream_request", ("json",)).data,
            None if metadata.status is None else _take(folder, files, "upstream_response", _FORMS),
            _take(folder, files, "client_response", _FORMS),
        )
        if files:
            raise CaseError(f"{folder / sorted(files)[0]}: no case has such a file")
        if sum(metadata.chunks) not in (0, len(case.upstream_body)):
            raise CaseError(f"{folder / _METADATA}: chunks: are not as long as the upstream's response")
        return case

    def save(self, folder: Path, *, replacing: bool = False) -> None:
        """Writes all or, whatever happens meanwhile, nothing.

        Raises:
            FileExistsError: there is something, and it is not to be replaced.
        """
        atomic_dir.write(folder, self.files_in(folder), replacing=replacing)

    def files_in(self, folder: Path) -> dict[str, bytes]:
        """file name -> content, as it stands there: what is shared beside it is named."""
        texts, files = shared_texts.beside(folder), self.files()
        return {
            name: data if name == _METADATA else texts.fold(data, pretty=_is_pretty(name))
            for name, data in files.items()
        }

    def files(self) -> dict[str, bytes]:
        """file name -> content."""
        files = {_METADATA: self.metadata.text().encode(), "client_request.json": self.client_request}
        files["upstream_request.json"] = self.upstream_request
        if self.upstream_response is not None:
            files[f"upstream_response.{self.upstream_response.form}"] = self.upstream_response.data
        files[f"client_response.{self.client_response.form}"] = self.client_response.data
        return files

    @property
    def dropped(self) -> bool:
        """The upstream broke off within its response."""
        return self.metadata.fault is not None and self.metadata.status is not None

    @property
    def upstream_body(self) -> bytes:
        """The upstream's body; nothing where there is none."""
        return self.upstream_response.data if self.upstream_response else b""

    def conversion(self) -> Conversion:
        """Of the recorded request, by today's code.

        Raises:
            RequestError: today it is refused.
        """
        return open_conversion(ClientRequest(load(self.client_request)), self.metadata.spec)

    def pieces(self, cut: int | None = None) -> Iterator[bytes]:
        """The upstream's body in pieces of `cut` bytes, or as it came."""
        body = self.upstream_body
        sizes: Iterable[int] = self.metadata.chunks or (len(body),)
        if cut is not None:
            sizes = (cut for _ in range(0, len(body), cut))
        start = 0
        for size in sizes:
            if piece := body[start : start + size]:
                yield piece
            start += size

    def answer(self, cut: int | None = None) -> ClientResponse:
        """What the client reads today for the recorded response; of headers, those of `ClientResponseHead`."""
        opened, metadata = self.conversion(), self.metadata
        if metadata.status is not None and metadata.status >= 300:
            opened.refused(metadata.status, metadata.upstream_headers, self.upstream_body)
            return opened.whole()
        chunks = [chunk for piece in self.pieces(cut) for chunk in opened.feed(piece)]
        chunks += opened.fail(Fault(metadata.fault.kind, metadata.fault.message)) if metadata.fault else opened.close()
        return _stream(b"".join(chunks)) if chunks else opened.whole()

    def replay(self, cut: int | None = None) -> bytes:
        """`client_response` as its file would be today."""
        return Text.pretty(self.answer(cut).body).data

    def renewed(self) -> Self:
        """The same inputs, and the goldens of today's code."""
        answer = self.answer()
        head = ClientResponseHead(status=answer.status, retry_after=answer.headers.get("retry-after"))
        return replace(
            self,
            metadata=self.metadata.model_copy(update={"told": head}),
            upstream_request=pretty(self.conversion().body),
            client_response=Text.pretty(answer.body),
        )

    def accepted(self) -> Self:
        """`renewed`, by a person who finds it right: where something is another than before, it is wrong no more."""
        renewed = self.renewed()
        wrong = self.metadata.wrong and not self.differing(renewed)
        return replace(renewed, metadata=renewed.metadata.model_copy(update={"wrong": wrong}))

    def differing(self, other: "Case") -> list[str]:
        """The files that are not the same in both; case.toml only where the client's status or retry-after differs."""
        ours, theirs = self.files(), other.files()
        names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
        same_head = self.metadata.told == other.metadata.told
        return [name for name in names if name != _METADATA or not same_head]


def _stream(body: bytes) -> ClientResponse:
    return ClientResponse(200, {"content-type": "text/event-stream"}, body)


def _looks_like_a_stream(body: bytes) -> bool:
    is_document = body.lstrip()[:1] in (b"{", b"[", b"<")
    return not is_document and any(line.startswith((b"data:", b"event:", b":")) for line in body[:4096].splitlines())


def _is_json(body: bytes) -> bool:
    try:
        jsontext.loads(body)
    except ValueError:
        return False
    return True


def _unfolded(folder: Path) -> dict[str, bytes]:
    """file name -> content, with what is shared in its place."""
    texts, files = shared_texts.beside(folder), atomic_dir.read(folder)
    for name, data in files.items():
        try:
            files[name] = data if name == _METADATA else texts.unfold(data, pretty=_is_pretty(name))
        except SharedTextError as error:
            raise CaseError(f"{folder / name}: {error}") from error
    return files


def _is_pretty(name: str) -> bool:
    return name.endswith(".json")


def _metadata(folder: Path, files: dict[str, bytes]) -> CaseMetadata:
    """case.toml, out of `files`."""
    if _METADATA not in files:
        raise CaseError(f"{folder / _METADATA}: is missing")
    try:
        return CaseMetadata.read(files.pop(_METADATA))
    except ValueError as error:
        raise CaseError(f"{folder / _METADATA}: {error}") from error


def _take(folder: Path, files: dict[str, bytes], stem: str, forms: tuple[Form, ...]) -> Text:
    """The one file of this name, out of `files`."""
    found = [form for form in forms if f"{stem}.{form}" in files]
    if len(found) != 1:
        expected = " or ".join(f"{stem}.{form}" for form in forms)
        raise CaseError(f"{folder}: needs exactly one of {expected}" if found else f"{folder}: {expected} is missing")
    data = files.pop(f"{stem}.{found[0]}")
    if found[0] == "json" and not _is_json(data):
        raise CaseError(f"{folder / stem}.json: is not JSON")
    return Text(found[0], data)
