"""Where haproxy and Redis come from: named, installed, or out of the system's packages; and what is said where not."""

import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
pytestmark = pytest.mark.slow


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, on a machine that has nothing."""
    monkeypatch.syspath_prepend(SCRIPTS)
    module = importlib.import_module("server_programs")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "_PLACES", (str(tmp_path / "bin"),))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    for variable in ("HAPROXY_BIN", "REDIS_BIN"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "bin").mkdir()
    for name in ("sh", "cp", "mkdir", "chmod", "cat", "touch"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    return module


def has(tmp_path: Path, name: str, *lines: str) -> Path:
    path = tmp_path / "bin" / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("name", "program"), [("haproxy", "haproxy"), ("redis", "redis-server"), ("redis", "valkey-server")]
)
def test_an_installed_one_is_taken(programs: ModuleType, tmp_path: Path, name: str, program: str) -> None:
    installed = has(tmp_path, program, "exit 0")
    programs.get(name)
    assert f'exec {installed} "$@"' in programs.path(name).read_text()


def test_a_named_one_needs_no_other(programs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAPROXY_BIN", str(has(tmp_path, "mine", "exit 0")))
    programs.get("haproxy")
    assert programs.path("haproxy") == tmp_path / "bin" / "mine"
    assert not (tmp_path / ".cache").exists()


def test_a_named_one_that_does_not_start_is_told(
    programs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has(tmp_path, "haproxy", "exit 0")
    monkeypatch.setenv("HAPROXY_BIN", "/no/where")
    with pytest.raises(programs.NotHere, match="which HAPROXY_BIN names, does not start"):
        programs.get("haproxy")


PACKAGE = """\
for last; do :; done
case "$*" in
    *install*) for option; do case $option in Dir::Cache=*) echo packed >"${option#*=}/archives/$last.deb" ;; esac; done ;;
esac
"""
UNPACK = 'mkdir -p "$3/usr/sbin" "$3/usr/lib"; touch "$3/usr/lib/libx.so.1"; cp "$(dirname "$0")/../packed" "$3/usr/sbin/haproxy"'


def test_else_the_systems_package_is_unpacked_and_not_installed(programs: ModuleType, tmp_path: Path) -> None:
    has(tmp_path, "haproxy", "exit 1")  # a broken one
    (tmp_path / "packed").write_text('#!/bin/sh\n[ -n "$LD_LIBRARY_PATH" ]\n')
    (tmp_path / "packed").chmod(0o755)
    (tmp_path / "bin" / "dirname").symlink_to("/usr/bin/dirname")
    has(tmp_path, "apt-get", PACKAGE)
    has(tmp_path, "dpkg-deb", UNPACK)
    programs.get("haproxy")
    assert f"exec {tmp_path}/.cache/haproxy/unpacked" in programs.path("haproxy").read_text()
    assert (
        f"LD_LIBRARY_PATH={tmp_path}/.cache/haproxy/root/usr/lib"
        in (tmp_path / ".cache" / "haproxy" / "unpacked").read_text()
    )
    assert not (tmp_path / ".cache" / "haproxy" / "apt").exists()


def test_where_there_is_none_it_is_said_how_to_get_one(
    programs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["server_programs.py", "redis"])
    assert programs.main() == 1
    assert "apt-get, which could get it, is not here" in capsys.readouterr().err
    has(tmp_path, "apt-get", "echo no network; exit 1")
    has(tmp_path, "dpkg-deb", "exit 0")
    assert programs.main() == 1
    said = capsys.readouterr().err
    assert f"There is no redis: apt-get failed, {tmp_path}/.cache/redis/setup.log says why." in said
    assert "Install one (apt install redis-server, brew install redis), or name it in REDIS_BIN." in said
    assert (tmp_path / ".cache" / "redis" / "setup.log").read_text() == "no network\n"
    assert not os.path.exists(programs.path("redis"))
