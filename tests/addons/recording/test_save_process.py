"""Exchanges become cases, and the output says what became of each."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from mitmproxy import exceptions, flow, http

from addons.cases.case import Case
from addons.recording.recorder import exchanges
from addons.recording.save_process import SaveRequest, save, save_in_process
from addons.redaction.detectors import PrivateValues
from tests.addons.example_cases import case, flows_of, request_fields

PRIVATE = PrivateValues(secrets=("hunter2hunter2",))


def exchange() -> tuple[http.HTTPFlow, http.HTTPFlow]:
    return flows_of(case(request_fields("the key hunter2hunter2")))


def save_request(
    chosen: Iterable[flow.Flow], folder: Path, name: str, pins: str = "It pins.", *, wrong: bool = False
) -> SaveRequest:
    chosen = list(chosen)
    return SaveRequest(list(exchanges(chosen, chosen)), folder, name, pins, PRIVATE, wrong)


def save_lines(
    chosen: Iterable[flow.Flow], folder: Path, name: str, pins: str = "It pins.", *, wrong: bool = False
) -> list[str]:
    return list(save(save_request(chosen, folder, name, pins, wrong=wrong)))


def test_an_exchange_becomes_a_case(tmp_path: Path) -> None:
    lines = save_lines(exchange(), tmp_path, "chat/tool-call", "It pins.")
    assert lines == [f"chat/tool-call: written to {tmp_path / 'chat/tool-call'}"]
    written = Case.load(tmp_path / "chat" / "tool-call")
    assert written.metadata.pins == "It pins."
    assert b"the key <key-1>" in written.client_request


def test_several_exchanges_get_numbers(tmp_path: Path) -> None:
    save_lines([*exchange(), *exchange()], tmp_path, "chat/tool-call")
    assert sorted(path.name for path in (tmp_path / "chat").iterdir()) == ["tool-call-1", "tool-call-2"]


def test_a_case_that_is_there_is_replaced_only_on_request(tmp_path: Path) -> None:
    save_lines(exchange(), tmp_path, "chat/one", "First.")
    (line,) = save_lines(exchange(), tmp_path, "chat/one", "2nd.")
    assert line == "chat/one: not written: the case exists; chat/one! replaces it"
    assert Case.load(tmp_path / "chat/one").metadata.pins == "First."
    save_lines(exchange(), tmp_path, "chat/one!", "Third.")
    assert Case.load(tmp_path / "chat/one").metadata.pins == "Third."


def test_what_was_converted_wrongly_is_kept_as_wrong(tmp_path: Path) -> None:
    (line,) = save_lines(exchange(), tmp_path, "chat/wrong", "It is right.", wrong=True)
    assert "it fails until the converter is corrected" in line
    assert Case.load(tmp_path / "chat/wrong").metadata.wrong
    save_lines(exchange(), tmp_path, "chat/right", "It is right.")
    assert not Case.load(tmp_path / "chat/right").metadata.wrong


@pytest.mark.parametrize(
    "name", ["one", "../one", "chat/../one", "/chat/one", "chat/One", "chat/one/two", "", "chat/-a"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(exceptions.CommandError, match="chat/tool-call-parallel"):
        save_lines(exchange(), tmp_path / "flows", name)
    assert not (tmp_path / "flows").exists()


def test_a_name_begins_with_a_protocol(tmp_path: Path) -> None:
    with pytest.raises(exceptions.CommandError, match=r"all/x: a name begins with a protocol \(.*chat"):
        save_lines(exchange(), tmp_path, "all/x")
    (line,) = save_lines(exchange(), tmp_path, "anthropic/x")
    assert line == "anthropic/x: not written: its provider speaks chat, which its name must begin with"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pins", ["", " "])
def test_what_pins_nothing_is_refused(tmp_path: Path, pins: str) -> None:
    with pytest.raises(exceptions.CommandError, match="say in a sentence"):
        save_lines(exchange(), tmp_path, "chat/one", pins)


def test_what_cannot_be_captured_is_said_and_the_others_are_written(tmp_path: Path) -> None:
    _, alone = exchange()
    lines = save_lines([alone, *exchange()], tmp_path, "chat/one")
    assert lines[0] == "chat/one-1: not written: the provider's side of it is not among the flows"
    assert (tmp_path / "chat" / "one-2").is_dir()


async def test_another_process_says_and_writes_the_same(tmp_path: Path) -> None:
    _, alone = exchange()
    chosen = [alone, *exchange()]
    here, there = (save_request(chosen, tmp_path / where, "chat/one", "Pinned.") for where in ("here", "there"))
    assert [line.replace("/there/", "/here/") for line in await save_in_process(there)] == list(save(here))
    first, second = (Case.load(tmp_path / where / "chat/one-2") for where in ("here", "there"))
    assert first == second


async def test_a_process_that_fails_is_said(tmp_path: Path) -> None:
    (line,) = await save_in_process(save_request(exchange(), tmp_path, "no name"))
    assert line.startswith("no name: not written: ")
