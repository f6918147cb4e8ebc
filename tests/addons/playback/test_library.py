"""The case that answers a request, and the error where none does."""

from pathlib import Path

import pytest

from addons.cases.case import CaseError
from addons.playback.library import CaseLibrary, NoMatchingCase
from converters import conversion
from tests.addons.example_cases import case, request_fields


@pytest.fixture
def library(tmp_path: Path) -> CaseLibrary:
    case(request_fields("list the files")).save(tmp_path / "chat" / "files")
    case(request_fields("sing a song")).save(tmp_path / "chat" / "song-1")
    case(request_fields("sing a song")).save(tmp_path / "chat" / "song-2")
    return CaseLibrary.of(tmp_path)


def found(library: CaseLibrary, text: str) -> str:
    return library.find(request_fields(text), compact=False).name


def test_the_same_question_is_answered_by_its_case(library: CaseLibrary) -> None:
    assert found(library, "list the files") == "chat/files"
    assert found(library, "list the files") == "chat/files"


def test_several_cases_of_one_question_take_turns_in_order(library: CaseLibrary) -> None:
    assert [found(library, "sing a song") for _ in range(3)] == ["chat/song-1", "chat/song-2", "chat/song-1"]


def test_a_miss_names_the_nearest_cases_and_what_differs(library: CaseLibrary) -> None:
    with pytest.raises(NoMatchingCase) as miss:
        found(library, "list the folders")
    lines = str(miss.value).splitlines()
    assert lines[:4] == [
        "no recorded case answers this request; the nearest:",
        "  chat/files",
        "    items: -user: list the files",
        "    items: +user: list the folders",
    ]


def test_a_compaction_is_no_question(library: CaseLibrary) -> None:
    with pytest.raises(NoMatchingCase, match="this compaction"):
        library.find(request_fields("list the files"), compact=True)


def test_what_redaction_replaced_is_known_again(tmp_path: Path) -> None:
    case(request_fields("look at /home/user-2/x, tell user-3@example.com")).save(tmp_path / "chat" / "private")
    library = CaseLibrary.of(tmp_path)
    assert found(library, "look at /home/ann/x, tell ann@acme.org") == "chat/private"


def test_a_case_that_cannot_be_read_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    case().save(tmp_path / "chat" / "good")
    case().save(tmp_path / "chat" / "bad")
    (tmp_path / "chat" / "bad" / "client_request.json").unlink()
    assert [recorded.name for recorded in CaseLibrary.of(tmp_path)] == ["chat/good"]
    assert "chat/bad is left out" in caplog.text


def test_a_folder_without_cases_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="holds no case"):
        CaseLibrary.of(tmp_path)


def test_one_case_may_be_named_itself(tmp_path: Path) -> None:
    case().save(tmp_path / "hello")
    assert found(CaseLibrary.of(tmp_path / "hello"), "hi") == "hello"


def test_every_kept_case_is_found_by_its_own_question() -> None:
    library = CaseLibrary.of(Path(__file__).parents[3] / "flows")
    for recorded in list(library):
        case = recorded.case
        found = library.find(conversion.load(case.client_request), compact=case.metadata.compact)
        assert found.fingerprint == recorded.fingerprint
