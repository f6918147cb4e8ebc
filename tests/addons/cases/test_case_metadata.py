import tomllib

import pytest

from addons.cases.case_metadata import CaseMetadata
from tests.addons.example_cases import case


def test_what_was_written_is_read_again() -> None:
    metadata = case().metadata
    assert CaseMetadata.read(metadata.text().encode()) == metadata


def test_notes_say_first_what_a_case_pins_and_leave_out_what_goes_without_saying() -> None:
    text = case().metadata.text()
    assert text.startswith('pins = "A test."\n')
    assert set(tomllib.loads(text)) == {
        *("pins", "model", "recorded", "now", "client", "status", "chunks", "route", "upstream_headers"),
    }


def test_many_chunks_stand_in_lines_that_fit_a_screen() -> None:
    text = case().metadata.model_copy(update={"chunks": tuple(range(40)), "pins": "two\nlines"}).text()
    assert tomllib.loads(text)["chunks"] == list(range(40))
    assert 'pins = """' in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('client = "codex"', 'client = "claude"', "^client: "),
        ('client = "codex"', 'client = "codex"\nstate = 1', "^state: unknown key"),
        ('client = "codex"', 'client = "codex"\nclient = "codex"', "line 6"),
        ('client = "codex"', "client = ", "line"),
        ('client = "codex"', 'client = "codex"\n[fault]\nkind = "bad"\nmessage = ""', "^fault.kind: "),
        ("think_tags = false", "think_tag = false", r"^route.dialect.think_tag: .*think_tags"),
        ('protocol = "chat"', 'protocol = "chart"', r"^route.protocol: .*did you mean chat"),
    ],
)
def test_notes_that_cannot_be_are_reported_by_their_place(old: str, new: str, complaint: str) -> None:
    text = case().metadata.text()
    assert old in text
    with pytest.raises(ValueError, match=complaint):
        CaseMetadata.read(text.replace(old, new, 1).encode())
