"""What is shared comes back to the byte, and nothing else is touched."""

import json
import tempfile
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from addons.cases.case import Case, CaseError
from addons.cases.shared_texts import SharedTextError, SharedTexts
from tests.addons.example_cases import case, request_fields

INSTRUCTIONS = 'You are Codex.\nBe brief; say "no" when it is no. 😀'
TOOL = {"type": "function", "name": "shell", "parameters": {"type": "object", "properties": {"command": []}}}


@pytest.fixture
def texts(tmp_path: Path) -> SharedTexts:
    made = SharedTexts(tmp_path / "flows" / "shared")
    assert made.add("codex-1/you-are-codex", INSTRUCTIONS) == "codex-1/you-are-codex.md"
    assert made.add("codex-1/shell", TOOL) == "codex-1/shell.json"
    assert made.add("codex-1/1-tools", [TOOL]) == "codex-1/1-tools.json"
    return made


def pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def test_a_value_is_named_where_it_stands(texts: SharedTexts) -> None:
    body = {"model": "m", "tools": [TOOL], "input": [{"tools": [{"type": "other"}, TOOL]}]}
    folded = texts.fold(pretty(body), pretty=True)
    assert json.loads(folded) == {
        "model": "m",
        "tools": "<shared codex-1/1-tools.json>",
        "input": [{"tools": [{"type": "other"}, "<shared codex-1/shell.json>"]}],
    }
    assert texts.unfold(folded, pretty=True) == pretty(body)


def test_a_text_is_named_within_another(texts: SharedTexts) -> None:
    body = {"messages": [{"role": "system", "content": f"{INSTRUCTIONS}\n\nThe folder is /x."}]}
    folded = texts.fold(pretty(body), pretty=True)
    assert json.loads(folded)["messages"][0]["content"] == "<shared codex-1/you-are-codex.md>\n\nThe folder is /x."
    assert texts.unfold(folded, pretty=True) == pretty(body)


def test_a_stream_names_it_in_each_of_its_snapshots(texts: SharedTexts) -> None:
    record = b"data: " + orjson.dumps({"response": {"instructions": INSTRUCTIONS, "tools": [TOOL]}}) + b"\n\n"
    folded = texts.fold(record * 2, pretty=False)
    named = '{"instructions":"<shared codex-1/you-are-codex.md>","tools":"<shared codex-1/1-tools.json>"}'
    assert folded.decode() == f'data: {{"response":{named}}}\n\n' * 2
    assert texts.unfold(folded, pretty=False) == record * 2


def test_a_shared_value_names_others(texts: SharedTexts, tmp_path: Path) -> None:
    stored = (tmp_path / "flows/shared/codex-1/1-tools.json").read_text()
    assert json.loads(stored) == ["<shared codex-1/shell.json>"]
    assert texts.referred_to(b'"<shared codex-1/1-tools.json>"') == {"codex-1/1-tools.json", "codex-1/shell.json"}


def test_what_is_shared_already_is_not_added_again(texts: SharedTexts) -> None:
    assert texts.add("codex-1/other-name", TOOL) is None
    assert texts.add("codex-1/shell", TOOL | {"name": "bash"}) == "codex-1/shell-2.json"


def test_another_order_of_keys_is_another_value(texts: SharedTexts) -> None:
    turned = pretty({"tools": [dict(reversed(TOOL.items()))]})
    assert texts.fold(turned, pretty=True) == turned


def test_what_looks_like_a_reference_is_none(texts: SharedTexts) -> None:
    data = b'{"a":"<shared codex-1/shell.json>","b":"<shared! codex-1/you-are-codex.md>"}'
    assert (
        texts.fold(data, pretty=False)
        == b'{"a":"<shared! codex-1/shell.json>","b":"<shared!! codex-1/you-are-codex.md>"}'
    )
    assert texts.unfold(texts.fold(data, pretty=False), pretty=False) == data


@pytest.mark.parametrize(
    ("shared", "body"),
    [("codex-1/shell", orjson.dumps([TOOL, 1])), ([TOOL], b"    1, " + pretty([TOOL]))],
    ids=["a text that stands in a name", "lines that begin elsewhere"],
)
def test_what_could_not_be_found_again_stays_as_it_is(texts: SharedTexts, shared: Any, body: bytes) -> None:
    texts.add("codex-1/odd", shared)
    is_pretty = b"\n" in body
    assert texts.fold(body, pretty=is_pretty) == body
    assert texts.unfold(body, pretty=is_pretty) == body


PIECES = st.sampled_from(
    [
        *(INSTRUCTIONS, json.dumps(INSTRUCTIONS)[1:-1], orjson.dumps(TOOL).decode(), pretty([TOOL]).decode()),
        *(
            "<shared codex-1/shell.json>",
            '"<shared codex-1/shell.json>"',
            "<shared! codex-1/you-are-codex.md>",
            "<shared",
        ),
        *('! a"\\\n  <>[]{},'),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=8).map("".join)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.sampled_from([TOOL, [TOOL], None, 1.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.one_of(TEXTS.map(str.encode), st.binary(), VALUES.map(pretty), VALUES.map(orjson.dumps))


@given(shared=st.lists(TEXTS.filter(len) | VALUES.filter(bool), max_size=4), body=BODIES, is_pretty=st.booleans())
def test_any_bytes_come_back_whatever_is_shared(shared: list[Any], body: bytes, is_pretty: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        texts = SharedTexts(Path(folder))
        for value in [INSTRUCTIONS, TOOL, [TOOL], *shared]:
            texts.add("codex-1/value", value)
        for known in (texts, SharedTexts(Path(folder))):  # the second reads what the first wrote
            assert known.unfold(known.fold(body, pretty=is_pretty), pretty=is_pretty) == body


@given(body=BODIES, is_pretty=st.booleans())
def test_where_nothing_is_shared_nothing_is_named(body: bytes, is_pretty: bool) -> None:
    texts = SharedTexts(Path("nowhere"))
    folded = texts.fold(body, pretty=is_pretty)
    assert texts.referred_to(folded) == set()
    assert texts.unfold(folded, pretty=is_pretty) == body


@pytest.mark.parametrize("name", ["../secret", "codex-1/../../secret", "codex-1/.secret", "/etc/secret", "secret"])
def test_no_reference_leads_out_of_the_folder(texts: SharedTexts, tmp_path: Path, name: str) -> None:
    (tmp_path / "flows" / "secret.md").write_text("mine\n")
    data = f'{{"a":"<shared {name}.md>"}}'.encode()
    assert texts.unfold(data, pretty=False) == data


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("codex-1/none.md", None),
        ("codex-1/bad.md", b"\xff"),
        ("codex-1/bad.json", b"{"),
        ("codex-1/self.json", b'["<shared codex-1/self.json>"]'),
    ],
)
def test_what_cannot_be_read_is_reported_by_its_name(
    texts: SharedTexts, tmp_path: Path, file: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "flows" / "shared" / file).write_bytes(content)
    with pytest.raises(SharedTextError, match=f"<shared {file}> cannot be read in "):
        texts.unfold(f'"<shared {file}>"'.encode(), pretty=False)


# --- cases ---


def test_a_case_is_folded_on_its_way_to_disk_and_whole_in_memory(texts: SharedTexts, tmp_path: Path) -> None:
    recorded = case(request_fields(instructions=INSTRUCTIONS, tools=[TOOL]))
    recorded.save(tmp_path / "flows" / "chat" / "one")
    stored = (tmp_path / "flows/chat/one/client_request.json").read_text()
    assert json.loads(stored)["instructions"] == "<shared codex-1/you-are-codex.md>"
    assert json.loads(stored)["tools"] == "<shared codex-1/1-tools.json>"
    assert Case.load(tmp_path / "flows" / "chat" / "one") == recorded


def test_elsewhere_a_case_holds_all_of_itself(texts: SharedTexts, tmp_path: Path) -> None:
    recorded = case(request_fields("What is <shared codex-1/shell.json> for?", instructions=INSTRUCTIONS))
    recorded.save(tmp_path / "mine" / "chat" / "one")
    stored = (tmp_path / "mine/chat/one/client_request.json").read_text()
    assert json.loads(stored)["instructions"] == INSTRUCTIONS
    assert Case.load(tmp_path / "mine" / "chat" / "one") == recorded


def test_a_case_that_was_taken_out_of_its_folder_says_what_it_lacks(texts: SharedTexts, tmp_path: Path) -> None:
    case(request_fields(instructions=INSTRUCTIONS)).save(tmp_path / "flows" / "chat" / "one")
    (tmp_path / "mine").mkdir()
    (tmp_path / "flows" / "chat").rename(tmp_path / "mine" / "chat")
    with pytest.raises(CaseError, match=r"client_request\.json: <shared codex-1/you-are-codex.md> cannot be read"):
        Case.load(tmp_path / "mine" / "chat" / "one")
