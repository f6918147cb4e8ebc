"""What scripts/codex-drift finds in requests, and what it makes of the difference between two versions."""

import json
from typing import Any

import pytest

from scripts import codex_drift
from scripts.codex import KNOWN, ROOT
from scripts.drift_names import unknown_places
from scripts.drift_places import RecordedRequest, compare, inventory, named, phrase, places
from scripts.drift_record import Recording

PRIVATE = "nobody may read this"


def model_request(body: dict[str, Any], path: str = "/v1/responses", **headers: str) -> RecordedRequest:
    named_headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RecordedRequest("POST", path, named_headers, body)


def request_with(*items: dict[str, Any], **more: Any) -> RecordedRequest:
    return model_request({"model": "m", "input": list(items), **more})


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(parts)}


def test_items_and_parts_are_placed_by_their_kinds() -> None:
    found = set(places(request_with(message({"type": "input_text", "text": PRIVATE}))))
    assert {"input[message].role=user", "input[message].content[input_text].text"} <= found


def test_an_item_without_a_type_is_a_message() -> None:
    assert "input[message].role=user" in set(places(request_with({"role": "user", "content": PRIVATE})))


def test_tools_are_placed_by_their_names_and_parameters() -> None:
    inner = {"type": "function", "name": "add_up", "strict": False, "parameters": {"properties": {"a": {}}}}
    found = set(places(request_with(tools=[{"type": "namespace", "name": "probe", "tools": [inner]}])))
    assert {
        "tools[namespace].name=probe",
        "tools[namespace].tools[function].name=probe/add_up",
        "tools[namespace].tools[function].strict=false",
        "tool probe/add_up(a)",
    } <= found


def test_nothing_that_was_said_and_no_id_is_kept() -> None:
    call = {"type": "function_call", "call_id": PRIVATE, "name": PRIVATE, "arguments": PRIVATE}
    request = request_with(
        message({"type": "input_text", "text": PRIVATE}),
        call,
        client_metadata={PRIVATE: PRIVATE},
        prompt_cache_key=PRIVATE,
    )
    assert PRIVATE not in " ".join(places(request))


def test_a_header_is_named_and_its_words_are_told() -> None:
    folders = json.dumps({"request_kind": "turn", "workspaces": {"/home/somebody/project": {"has_changes": True}}})
    found = set(
        places(model_request({}, accept="text/event-stream", session_id=PRIVATE, x_codex_turn_metadata=folders))
    )
    assert {"header accept=text/event-stream", "header session-id"} <= found
    assert "header x-codex-turn-metadata.request_kind=turn" in found
    assert "header x-codex-turn-metadata.workspaces.*.has_changes" in found
    assert "somebody" not in str(found) and PRIVATE not in str(found)


def test_an_endpoint_shows_what_its_query_names() -> None:
    found = set(places(RecordedRequest("GET", "/v1/models?client_version=1.2.3", (), None)))
    assert found == {"GET /v1/models?client_version"}


def test_null_is_another_shape_than_a_value() -> None:
    assert "reasoning=null" in set(places(request_with(reasoning=None)))
    assert "reasoning=null" not in set(places(request_with(reasoning={"effort": "low"})))


def test_what_is_new_is_told_with_its_kinds_and_words_but_without_its_keys() -> None:
    then = inventory({"text": [request_with(message())]})
    agent = {"type": "agent_message", "author": PRIVATE, "content": [{"type": "encrypted_content"}]}
    now = inventory({"text": [request_with(message(), agent)]})
    difference = compare(then, now, ["text"])
    assert difference.new == {
        "input[agent_message]": ["text"],
        "input[agent_message].content[encrypted_content]": ["text"],
    }
    assert difference.gone == {}


def test_what_is_gone_is_told_only_of_sessions_that_ran() -> None:
    then = inventory({"text": [request_with(store=False)], "lite": [request_with(stream=True)]})
    now = inventory({"text": [request_with()]})
    assert compare(then, now, ["text"]).gone == {"store": ["text"], "store=false": ["text"]}


@pytest.mark.parametrize(
    ("names", "words"), [(["a", "b", "c"], "all"), (["a", "c"], "all but b"), (["b"], "b"), ([], "")]
)
def test_sessions_are_told_in_words_and_read_again(names: list[str], words: str) -> None:
    everything = ["a", "b", "c"]
    assert phrase(names, everything) == words
    assert named(words, everything) == names


UNKNOWN = {
    "key brand_new": request_with(brand_new=1),
    "input[0]: item telepathy": request_with({"type": "telepathy"}),
    "input[0].content[0]: part smell": request_with(message({"type": "smell"})),
    "input[0].output[1]: part smell": request_with(
        {
            "type": "function_call_output",
            "call_id": "c",
            "output": [{"type": "input_text", "text": ""}, {"type": "smell"}],
        }
    ),
    "tools[0]: tool teleport": request_with(tools=[{"type": "teleport"}]),
    "tools[0].tools[0]: tool teleport": request_with(
        tools=[{"type": "namespace", "name": "n", "tools": [{"type": "teleport"}]}]
    ),
    "endpoint POST /v1/dreams": model_request({}, "/v1/dreams?x=1"),
}


@pytest.mark.parametrize("place", UNKNOWN)
def test_what_the_wire_models_do_not_name_is_told_with_its_place(place: str) -> None:
    assert list(unknown_places(UNKNOWN[place])) == [place]


def test_a_shape_that_the_wire_models_refuse_is_told_with_its_place() -> None:
    [place] = unknown_places(request_with({"type": "message", "role": "oracle", "content": "hi"}))
    assert place.startswith("input[0].role: ")


def test_hosted_kinds_and_keys_that_are_rightly_ignored_have_names() -> None:
    known = request_with({"type": "web_search_call", "id": "ws_1"}, store=False, tools=[{"type": "web_search"}])
    assert list(unknown_places(known)) == []


def test_a_baseline_is_read_as_it_was_written() -> None:
    recording = Recording("0.0.1", {"text": [request_with()], "lite": [request_with(store=False)]})
    assert codex_drift.read_baseline(codex_drift.baseline_text(recording)) == inventory(recording.requests)


def test_the_kept_baseline_fits_the_version_that_setup_gets() -> None:
    saved = json.loads(codex_drift.BASELINE.read_text())
    assert saved["codex"] == KNOWN
    assert f'codex_version="{KNOWN}"' in (ROOT / "scripts" / "setup").read_text()
    assert codex_drift.read_baseline(codex_drift.BASELINE.read_text())["POST /v1/responses"] == saved["sessions"]


def test_a_report_fails_on_what_has_no_name_and_not_on_what_is_merely_new(capsys: pytest.CaptureFixture[str]) -> None:
    merely_new = Recording("9.9.9", {"text": [request_with(client_metadata={"new_thing": "x"})]})
    assert codex_drift.report(merely_new, inventory({"text": [request_with()]}))
    unknown = Recording("9.9.9", {"text": [request_with({"type": "telepathy"})]}, {"lite": "it has no such shape"})
    assert not codex_drift.report(unknown, {})
    output = capsys.readouterr().out
    assert "client_metadata" in output
    assert "lite: it has no such shape" in output
    assert "input[0]: item telepathy" in output


def test_a_version_that_npm_cannot_tell_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.argv", ["codex-drift"])
    with pytest.raises(SystemExit) as ended:
        codex_drift.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("npm does not tell Codex's newest version (")
