from dataclasses import replace
from pathlib import Path

import pytest

from addons.cases.case import Case, CaseError, Text, pretty
from addons.cases.case_metadata import ClientResponseHead
from tests.addons.example_cases import REFUSAL, RESPONSE_CHUNKS, case, request_fields


def test_a_case_that_was_saved_is_the_same_when_loaded(tmp_path: Path) -> None:
    recorded = case(request_fields("Grüße 😀"), times=(1, 20, 300))
    recorded.save(tmp_path / "chat" / "hello")
    assert Case.load(tmp_path / "chat" / "hello") == recorded


def test_files_are_text_for_people(tmp_path: Path) -> None:
    files = case(request_fields("Grüße")).files()
    assert list(files) == [
        *("case.toml", "client_request.json", "upstream_request.json", "upstream_response.sse", "client_response.sse"),
    ]
    assert files["client_request.json"].decode() == '{\n  "model": "m-1",\n  "input": "Grüße",\n  "stream": true\n}\n'
    assert files["upstream_response.sse"] == b"".join(RESPONSE_CHUNKS)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("case.toml", None, "case.toml: is missing"),
        ("case.toml", "pins = ", "case.toml: "),
        ("client_request.json", None, "client_request.json is missing"),
        ("client_response.sse", None, "client_response.sse or client_response.json or client_response.txt is missing"),
        ("client_response.json", "{}", "exactly one of client_response.sse or"),
        ("client_request.json", "{", "client_request.json: is not JSON"),
        ("notes.md", "", "notes.md: no case has such a file"),
        ("upstream_response.sse", "data: 1\n\n", "chunks: are not as long"),
    ],
)
def test_a_folder_that_is_no_case_is_reported_by_file(
    tmp_path: Path, file: str, content: str | None, complaint: str
) -> None:
    case().save(tmp_path / "one")
    path = tmp_path / "one" / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(CaseError, match=complaint):
        Case.load(tmp_path / "one")


@pytest.mark.parametrize("cut", [None, 1, 2, 7, 1000])
def test_where_the_response_is_cut_makes_no_difference(cut: int | None) -> None:
    recorded = case()
    assert recorded.replay(cut) == recorded.client_response.data
    assert b"Hello" in recorded.client_response.data


def test_a_response_comes_in_the_recorded_pieces() -> None:
    assert list(case().pieces()) == list(RESPONSE_CHUNKS)
    assert next(iter(case().pieces(4))) == RESPONSE_CHUNKS[0][:4]


def test_a_refusal_is_what_the_client_reads() -> None:
    recorded = case(pieces=(REFUSAL,), status=429)
    assert recorded.metadata.told == ClientResponseHead(status=429, retry_after="5")
    assert recorded.client_response.form == "json"
    assert b"slow down" in recorded.client_response.data
    assert recorded.replay() == recorded.client_response.data


def test_a_client_without_a_stream_gets_json() -> None:
    assert case(request_fields(stream=False)).client_response.form == "json"


def test_a_response_that_breaks_off_after_its_first_word_ends_the_stream() -> None:
    recorded = case(pieces=RESPONSE_CHUNKS[:1], broken="cut")
    assert recorded.dropped
    assert recorded.client_response.form == "sse"
    assert b"response.failed" in recorded.client_response.data


def test_a_response_that_breaks_off_before_content_is_a_stream_that_failed() -> None:
    recorded = case(pieces=(b": ping\n\n",), broken="timeout")
    assert (recorded.metadata.told.status, recorded.client_response.form) == (200, "sse")
    assert recorded.client_response.data.count(b"event: response.failed") == 1


def test_an_upstream_out_of_reach_leaves_no_answer(tmp_path: Path) -> None:
    recorded = case(pieces=(), status=None, broken="unreachable")
    assert not recorded.dropped
    recorded.save(tmp_path / "one")
    assert not list((tmp_path / "one").glob("upstream_response.*"))
    assert Case.load(tmp_path / "one") == recorded
    assert recorded.metadata.told.status == 502


def test_only_goldens_are_made_anew() -> None:
    recorded = case()
    spoilt = replace(recorded, upstream_request=b"{}\n", client_response=Text("sse", b"data: {}\n\n"))
    assert spoilt.renewed() == recorded
    assert recorded.differing(spoilt) == ["client_response.sse", "upstream_request.json"]
    assert recorded.differing(recorded.renewed()) == []


def test_what_was_recorded_as_wrong_is_so_until_something_else_is_accepted() -> None:
    recorded = case()
    wrong = replace(recorded, metadata=recorded.metadata.model_copy(update={"wrong": True}))
    assert wrong.accepted() == wrong
    assert replace(wrong, upstream_request=b"{}\n").accepted() == recorded
    assert "wrong = true" in wrong.metadata.text() and "wrong" not in recorded.metadata.text()


def test_another_status_is_a_difference() -> None:
    recorded = case()
    other = replace(recorded, metadata=recorded.metadata.model_copy(update={"told": ClientResponseHead(status=500)}))
    assert recorded.differing(other) == ["case.toml"]


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'data: {"a":1}\n\n', "sse"),
        (b": ping\r\n\r\nevent: x\r\n", "sse"),
        (b' {"error": 1}', "json"),
        (b'{"data": 1', "txt"),
        (b"<html>\ndata: x</html>", "txt"),
        (b"upstream connect error", "txt"),
        (b"", "txt"),
    ],
)
def test_a_body_s_file_is_named_after_what_it_is(body: bytes, form: str) -> None:
    assert Text.of(body) == Text(form, body)  # type: ignore[arg-type]


def test_pretty_json_keeps_keys_in_order_and_letters_as_they_are() -> None:
    assert pretty(b'{"b":"\\u00fc","a":[]}').decode() == '{\n  "b": "ü",\n  "a": []\n}\n'
