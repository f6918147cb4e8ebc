"""What Codex requests, compared between its versions. Started by scripts/codex-drift.

Ends with 1 if a request holds anything that our wire models do not name. A session that a version cannot run is
reported, and is no failure: an older one lacks what it needs.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable

from scripts.codex import KNOWN, ROOT
from scripts.drift_names import unknown_places
from scripts.drift_places import Inventory, compare, inventory, named, phrase
from scripts.drift_record import Recording, record

DATA = ROOT / "tests" / "data"
BASELINE = DATA / f"codex-{KNOWN}.json"


def newest() -> str:
    """Raises SystemExit where npm does not know."""
    try:
        done = subprocess.run(["npm", "view", "@openai/codex", "version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"npm does not tell Codex's newest version ({error}); name one", file=sys.stderr)
        raise SystemExit(2) from error
    return done.stdout.strip()


def baseline_text(recording: Recording) -> str:
    """One line for each place, so that a change of it can be read."""
    found = inventory(recording.requests)
    lines = [f"    {json.dumps(place)}: {json.dumps(phrase(names, recording.ran))}" for place, names in found.items()]
    head = f'{{\n  "codex": "{recording.version}",\n  "sessions": {json.dumps(recording.ran)},\n  "places": {{\n'
    return head + ",\n".join(lines) + "\n  }\n}\n"


def read_baseline(text: str) -> Inventory:
    saved = json.loads(text)
    return {place: named(words, saved["sessions"]) for place, words in saved["places"].items()}


def report(recording: Recording, baseline: Inventory) -> bool:
    """Prints what differs; whether all of it has a name."""
    ran, unknown = recording.ran, unknown_by_session(recording)
    difference = compare(baseline, inventory(recording.requests), ran)
    print(f"\n== Codex {recording.version}, beside {KNOWN}: {len(ran)} of {len(recording.requests)} sessions ran")
    _print("did not run", (f"{name}: {why}" for name, why in recording.failures.items()))
    for title, found in (("new", difference.new), ("gone", difference.gone), ("without a name here", unknown)):
        _print(title, (f"{place:<72} {phrase(names, ran)}" for place, names in found.items()))
    return not unknown


def unknown_by_session(recording: Recording) -> Inventory:
    found: Inventory = {}
    for session, requests in recording.requests.items():
        for place in {place for request in requests for place in unknown_places(request)}:
            found.setdefault(place, []).append(session)
    return dict(sorted(found.items()))


def _print(title: str, lines: Iterable[str]) -> None:
    listed = list(lines)
    print(f"  {title}: {len(listed) or 'nothing'}")
    print("".join(f"    {line}\n" for line in listed), end="", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/codex-drift", description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="the default is the newest published")
    parser.add_argument("--baseline", action="store_true", help=f"write {BASELINE.relative_to(ROOT)} anew")
    chosen = parser.parse_args()
    versions = [KNOWN] if chosen.baseline else chosen.versions or [newest()]
    known = True
    for version in versions:
        recording = record(version)
        if chosen.baseline:
            BASELINE.write_text(baseline_text(recording))
        known &= report(recording, read_baseline(BASELINE.read_text()))
    return 0 if known else 1


if __name__ == "__main__":
    sys.exit(main())
