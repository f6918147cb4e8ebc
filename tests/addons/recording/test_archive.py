import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from addons.cases.case import Case
from addons.recording.archive import Archive, locked, prepare_folder
from tests.addons.example_cases import case

SIZE = sum(map(len, case().files().values()))


def archive_in(folder: Path, *, most: int = 100, most_bytes: int = 1 << 30) -> Archive:
    prepare_folder(folder)
    return Archive(folder, most=most, most_bytes=most_bytes)


def name(number: int) -> str:
    return f"20261121-0930{number:02}-000000-abcdefgh"


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


def test_what_is_put_is_a_case_under_its_protocol(tmp_path: Path) -> None:
    folder = archive_in(tmp_path / "all").put(case(), name(1))
    assert folder == tmp_path / "all" / "chat" / name(1)
    assert Case.load(folder) == case()


def test_of_too_many_the_oldest_go(tmp_path: Path) -> None:
    archive = archive_in(tmp_path, most=2)
    for number in range(5):
        archive.put(case(), name(number))
    assert kept(tmp_path) == [name(3), name(4)]


def test_of_too_much_the_oldest_go(tmp_path: Path) -> None:
    archive = archive_in(tmp_path, most_bytes=SIZE * 3)
    for number in range(5):
        archive.put(case(), name(number))
    assert kept(tmp_path) == [name(2), name(3), name(4)]


def test_what_an_earlier_run_kept_counts(tmp_path: Path) -> None:
    earlier = archive_in(tmp_path)
    for number in range(4):
        earlier.put(case(), name(number))
    archive_in(tmp_path, most=3).put(case(), name(4))
    assert kept(tmp_path) == [name(2), name(3), name(4)]


def test_what_a_crash_left_goes_and_what_somebody_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "chat" / ".unfinished-1").mkdir(parents=True)
    (tmp_path / "chat" / "mine").mkdir()
    archive_in(tmp_path, most=1, most_bytes=1)
    assert [path.name for path in (tmp_path / "chat").iterdir()] == ["mine"]


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        archive_in(tmp_path / "all").put(case(), name(1))
    finally:
        os.umask(before)
    modes = {path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "all").rglob("*")}
    assert len(modes) > 6
    assert {mode for path, mode in modes.items() if (tmp_path / path).is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not (tmp_path / path).is_dir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "all").stat().st_mode) == 0o700


def test_what_an_earlier_version_kept_is_closed_to_others(tmp_path: Path) -> None:
    kept_before = archive_in(tmp_path).put(case(), name(1))
    kept_before.chmod(0o755)
    archive_in(tmp_path)
    assert stat.S_IMODE(kept_before.stat().st_mode) == 0o700


def test_what_a_link_points_to_is_neither_removed_nor_written(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "all"
    theirs = archive_in(elsewhere).put(case(), name(1))
    (folder / "chat").mkdir(parents=True)
    (folder / "anthropic").symlink_to(theirs.parent)
    (folder / "chat" / name(2)).symlink_to(theirs)
    (folder / "chat" / ".unfinished-1").symlink_to(theirs)
    archive = archive_in(folder, most=1, most_bytes=1)
    archive.put(case(), name(3))
    assert Case.load(theirs) == case()
    assert [path.name for path in (folder / "chat").iterdir()] == [name(2)]
    (folder / "chat" / name(2)).unlink()
    (folder / "chat").rmdir()
    (folder / "chat").symlink_to(theirs.parent)
    with pytest.raises(OSError, match="symbolic link"):
        archive.put(case(), name(4))
    assert [path.name for path in theirs.parent.iterdir()] == [name(1)]


def test_a_link_in_the_place_of_its_own_files_is_not_followed(tmp_path: Path) -> None:
    precious, folder = tmp_path / "precious", tmp_path / "all"
    precious.write_text("mine")
    folder.mkdir()
    (folder / ".lock").symlink_to(precious)
    (folder / ".gitignore").symlink_to(tmp_path / "nothing")
    prepare_folder(folder)
    with pytest.raises(OSError), locked(folder):
        pass
    assert precious.read_text() == "mine" and not (tmp_path / "nothing").exists()


def test_git_does_not_see_it(tmp_path: Path) -> None:
    archive_in(tmp_path / "all")
    assert (tmp_path / "all" / ".gitignore").read_text() == "*\n"


def test_a_gitignore_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.sse\n")
    archive_in(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.sse\n"


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    code = "import sys; from pathlib import Path; from addons.recording.archive import locked\nwith locked(Path(sys.argv[1])): print(1)"
    with locked(tmp_path):
        second = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            second.communicate(timeout=0.5)
    assert second.communicate(timeout=20)[0] == b"1\n"
