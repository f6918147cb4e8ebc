"""Every case of flows/, replayed: what the upstream is sent and what the client reads, byte for byte.

`--update` (scripts/update) writes the goldens anew instead of comparing them.
"""

import functools
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from addons.cases import atomic_dir, shared_texts
from addons.cases.case import Case
from addons.cases.case_metadata import CaseMetadata
from addons.redaction.detectors import Redactor
from addons.redaction.redact_case import leaks
from converters import jsontext
from tests import referee

FLOWS = Path(__file__).parents[1] / "flows"
NOT_A_CASE = {".gitattributes", "README.md"}
CASES = sorted(path.parent for path in FLOWS.glob("*/*/case.toml"))
SHARED = shared_texts.of(FLOWS / "shared")


def is_converted_stream(folder: Path) -> bool:
    """A stream alone says little: an older Codex is told by one that its question was refused."""
    if folder.parent.name == "responses" or not (folder / "client_response.sse").exists():
        return False
    return CaseMetadata.read((folder / "case.toml").read_bytes()).status == 200


CONVERTED_STREAMS = [path for path in CASES if is_converted_stream(path)]
ENDS = {"response.completed", "response.incomplete", "response.failed"}
CUTS = (1, 2, 7, 4096, None, 1 << 30)
"""None: as it was recorded. Then whole."""


def name(folder: object) -> str:
    return f"{folder.parent.name}/{folder.name}" if isinstance(folder, Path) else str(folder)


@pytest.fixture(params=CASES, ids=name)
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def case(folder: Path, request: pytest.FixtureRequest) -> Case:
    recorded = Case.load(folder)
    if not request.config.getoption("--update"):
        return recorded
    accepted = recorded.accepted()
    if recorded.differing(accepted):
        accepted.save(folder, replacing=True)
    return accepted


def test_flows_hold_cases_and_nothing_else() -> None:
    known = NOT_A_CASE | {f"shared/{name}" for name in SHARED.names}
    files = [path for path in FLOWS.rglob("*") if path.is_file() and path.parent not in CASES]
    assert {str(path.relative_to(FLOWS)) for path in files} - known == set()
    assert CASES


def test_what_is_shared_is_named_by_a_case() -> None:
    stored = [data for folder in CASES for data in atomic_dir.read(folder).values()]
    named = set().union(*map(SHARED.referred_to, stored))
    assert set(SHARED.names) - named == set(), "scripts/share removes it"


def test_a_person_can_read_them() -> None:
    sizes = {name(folder): sum(map(len, atomic_dir.read(folder).values())) for folder in CASES}
    assert {case: size for case, size in sizes.items() if size > 40_000} == {}, "scripts/share finds what is common"
    assert statistics.median(sizes.values()) < 20_000


def test_what_is_shared_stands_there_once(case: Case, folder: Path) -> None:
    stored = {file: data.decode() for file, data in atomic_dir.read(folder).items()}
    assert {file: data.decode() for file, data in case.files_in(folder).items()} == stored


def test_the_upstream_is_sent_what_was_accepted(case: Case) -> None:
    assert case.renewed().upstream_request.decode() == case.upstream_request.decode()


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: "as-recorded" if cut is None else str(cut))
def test_the_client_reads_what_was_accepted_wherever_the_answer_is_cut(case: Case, cut: int | None) -> None:
    assert case.replay(cut).decode() == case.client_response.data.decode()


def test_the_client_is_told_the_status_that_was_accepted(case: Case) -> None:
    assert case.renewed().metadata.told == case.metadata.told


@pytest.mark.parametrize("folder", CONVERTED_STREAMS, indirect=True, ids=name)
def test_a_client_without_a_stream_gets_the_same_items(case: Case) -> None:
    raw = jsontext.loads(case.client_request) | {"stream": False}
    whole = jsontext.loads(replace(case, client_request=jsontext.dumps(raw)).answer().body)
    *_, last = referee.read(case.client_response.data)
    if last["type"] == "response.failed":
        assert whole["error"]["message"] in last["response"]["error"]["message"]
    else:
        assert whole["output"] == last["response"]["output"]


@pytest.mark.parametrize("folder", CONVERTED_STREAMS, indirect=True, ids=name)
def test_every_event_is_one_that_openai_publishes(case: Case) -> None:
    for event in referee.read(case.client_response.data):
        if "response" in event:
            event["response"]["tools"] = []  # the client's own words, and Codex has more of them than OpenAI publishes
        referee.check_event(event)
    kinds = [event["type"] for event in referee.read(case.client_response.data)]
    assert kinds[0] == "response.created"
    assert sum(kind in ENDS for kind in kinds) == 1 and kinds[-1] in ENDS


class Remembering(Redactor):
    """Recorded requests repeat most of their lines."""

    spans = functools.cache(Redactor.spans)


REDACTOR = Remembering()


def test_nothing_private_is_left(case: Case) -> None:
    found = [place for name, data in case.files().items() for place in leaks(name, data, REDACTOR)]
    assert found == []


@pytest.mark.parametrize("shared", SHARED.names)
def test_nothing_private_is_shared(shared: str) -> None:
    assert list(leaks(shared, (FLOWS / "shared" / shared).read_bytes(), REDACTOR)) == []


def test_what_was_recorded_as_wrong_is_mended(case: Case) -> None:
    wrong = case.metadata.wrong  # a name of its own: pytest would print the whole case
    assert not wrong, f"{case.metadata.pins} Mend the converter; then scripts/update accepts what it says."


def test_it_says_what_it_pins(case: Case) -> None:
    assert case.metadata.pins, 'case.toml: pins = "": say in one sentence what is wrong if this case fails'
    assert "\n" not in case.metadata.pins
