import subprocess
import sys
from pathlib import Path

import pytest

from addons.case import Case
from addons.keeping import Shelf, alone, prepare
from tests.addons.recorded import case

SIZE = sum(map(len, case().files().values()))


def shelf(folder: Path, *, most: int = 100, most_bytes: int = 1 << 30) -> Shelf:
    prepare(folder)
    return Shelf(folder, most=most, most_bytes=most_bytes)


def name(number: int) -> str:
    return f"20261121-0930{number:02}-000000-abcdefgh"


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/*"))


def test_what_is_put_is_a_case_under_its_protocol(tmp_path: Path) -> None:
    where = shelf(tmp_path / "all").put(case(), name(1))
    assert where == tmp_path / "all" / "chat" / name(1)
    assert Case.load(where) == case()


def test_of_too_many_the_oldest_go(tmp_path: Path) -> None:
    one = shelf(tmp_path, most=2)
    for number in range(5):
        one.put(case(), name(number))
    assert kept(tmp_path) == [name(3), name(4)]


def test_of_too_much_the_oldest_go(tmp_path: Path) -> None:
    one = shelf(tmp_path, most_bytes=SIZE * 3)
    for number in range(5):
        one.put(case(), name(number))
    assert kept(tmp_path) == [name(2), name(3), name(4)]


def test_what_an_earlier_run_kept_counts(tmp_path: Path) -> None:
    earlier = shelf(tmp_path)
    for number in range(4):
        earlier.put(case(), name(number))
    shelf(tmp_path, most=3).put(case(), name(4))
    assert kept(tmp_path) == [name(2), name(3), name(4)]


def test_what_a_crash_left_goes_and_what_somebody_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "chat" / ".unfinished-1").mkdir(parents=True)
    (tmp_path / "chat" / "mine").mkdir()
    shelf(tmp_path, most=1, most_bytes=1)
    assert [path.name for path in (tmp_path / "chat").iterdir()] == ["mine"]


def test_git_does_not_see_it(tmp_path: Path) -> None:
    shelf(tmp_path / "all")
    assert (tmp_path / "all" / ".gitignore").read_text() == "*\n"


def test_a_gitignore_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.sse\n")
    shelf(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.sse\n"


def test_a_second_writer_waits_for_the_first(tmp_path: Path) -> None:
    prepare(tmp_path)
    code = "import sys; from pathlib import Path; from addons.keeping import alone\nwith alone(Path(sys.argv[1])): print(1)"
    with alone(tmp_path):
        second = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            second.communicate(timeout=0.5)
    assert second.communicate(timeout=20)[0] == b"1\n"
