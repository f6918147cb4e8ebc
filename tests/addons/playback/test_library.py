"""The case that answers a request, and the error where none does."""

from pathlib import Path

import pytest

from addons.cases.case import CaseError
from addons.playback.library import Miss, Repertoire
from converters import conversion
from tests.addons.recorded import asking, case


@pytest.fixture
def repertoire(tmp_path: Path) -> Repertoire:
    case(asking("list the files")).save(tmp_path / "chat" / "files")
    case(asking("sing a song")).save(tmp_path / "chat" / "song-1")
    case(asking("sing a song")).save(tmp_path / "chat" / "song-2")
    return Repertoire.of(tmp_path)


def found(repertoire: Repertoire, text: str) -> str:
    return repertoire.find(asking(text), compact=False).name


def test_the_same_question_is_answered_by_its_case(repertoire: Repertoire) -> None:
    assert found(repertoire, "list the files") == "chat/files"
    assert found(repertoire, "list the files") == "chat/files"


def test_several_cases_of_one_question_take_turns_in_order(repertoire: Repertoire) -> None:
    assert [found(repertoire, "sing a song") for _ in range(3)] == ["chat/song-1", "chat/song-2", "chat/song-1"]


def test_a_miss_names_the_nearest_cases_and_what_differs(repertoire: Repertoire) -> None:
    with pytest.raises(Miss) as miss:
        found(repertoire, "list the folders")
    lines = str(miss.value).splitlines()
    assert lines[:4] == [
        "no recorded case answers this request; the nearest:",
        "  chat/files",
        "    items: -user: list the files",
        "    items: +user: list the folders",
    ]


def test_a_compaction_is_no_question(repertoire: Repertoire) -> None:
    with pytest.raises(Miss, match="this compaction"):
        repertoire.find(asking("list the files"), compact=True)


def test_what_redaction_replaced_is_known_again(tmp_path: Path) -> None:
    case(asking("look at /home/user-2/x, tell user-3@example.com")).save(tmp_path / "chat" / "private")
    repertoire = Repertoire.of(tmp_path)
    assert found(repertoire, "look at /home/ann/x, tell ann@acme.org") == "chat/private"


def test_a_case_that_cannot_be_read_is_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    case().save(tmp_path / "chat" / "good")
    case().save(tmp_path / "chat" / "bad")
    (tmp_path / "chat" / "bad" / "client_request.json").unlink()
    assert [recorded.name for recorded in Repertoire.of(tmp_path)] == ["chat/good"]
    assert "chat/bad is left out" in caplog.text


def test_a_folder_without_cases_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="holds no case"):
        Repertoire.of(tmp_path)


def test_one_case_may_be_named_itself(tmp_path: Path) -> None:
    case().save(tmp_path / "hello")
    assert found(Repertoire.of(tmp_path / "hello"), "hi") == "hello"


def test_every_kept_case_is_found_by_its_own_question() -> None:
    repertoire = Repertoire.of(Path(__file__).parents[3] / "flows")
    for recorded in list(repertoire):
        case = recorded.case
        found = repertoire.find(conversion.load(case.client_request), compact=case.metadata.compact)
        assert found.fingerprint == recorded.fingerprint
