import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy import exceptions, http
from mitmproxy.addons import view
from mitmproxy.test import taddons

from addons.cases.case import Case
from addons.exchange.exchange import Attempt, Exchange, Outcome
from addons.recording.capture import Capture, expand_values, private_values
from converters.errors import Fault
from tests.addons.example_cases import case, flows_of, request_fields, three_attempts
from tests.addons.layer_harness import UppercaseConverter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "flows"


@pytest.fixture
def capture(folder: Path) -> Iterator[tuple[Capture, taddons.context]]:
    addon = Capture(lambda: ["hunter2hunter2"])
    with taddons.context(addon) as context:
        context.options.capture_dir = str(folder)
        yield addon, context
        addon.done()


type Captures = tuple[Capture, taddons.context]


def exchange() -> tuple[http.HTTPFlow, http.HTTPFlow]:
    return flows_of(case(request_fields("the key hunter2hunter2")))


async def finished(addon: Capture) -> list[str]:
    """What became of all exchanges that were to be saved."""
    return [line for lines in await asyncio.gather(*addon.saving) for line in lines]


async def test_a_command_is_answered_at_once_and_the_log_says_what_became_of_it(
    capture: Captures, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    result = capture[0].save(exchange(), "chat/tool-call", "It pins.")
    assert result == ["chat/tool-call: being redacted; the event log says where it is written, or why not"]
    assert not folder.exists()
    assert await finished(capture[0]) == [f"chat/tool-call: written to {folder / 'chat/tool-call'}"]
    assert f"written to {folder}" in caplog.text
    recorded = Case.load(folder / "chat" / "tool-call")
    assert recorded.metadata.pins == "It pins."
    assert b"the key <key-1>" in recorded.client_request
    assert not capture[0].saving


async def test_what_was_converted_wrongly_is_kept_as_wrong(capture: Captures, folder: Path) -> None:
    capture[0].wrong(exchange(), "chat/wrong", "It is right.")
    (line,) = await finished(capture[0])
    assert "it fails until the converter is corrected" in line
    assert Case.load(folder / "chat/wrong").metadata.wrong


async def test_a_name_that_leads_elsewhere_is_refused_at_once(capture: Captures, folder: Path) -> None:
    with pytest.raises(exceptions.CommandError, match="chat/tool-call-parallel"):
        capture[0].save(exchange(), "../one", "It pins.")
    assert not capture[0].saving


async def test_nothing_chosen_is_said(capture: Captures) -> None:
    with pytest.raises(exceptions.CommandError, match="no exchange"):
        capture[0].save([], "chat/one", "It pins.")


async def test_in_mitmweb_the_other_side_is_found_in_the_list(folder: Path) -> None:
    addon, listing = Capture(), view.View()
    with taddons.context(addon, listing) as context:
        context.options.capture_dir = str(folder)
        attempt, client = exchange()
        listing.add([attempt, client])
        context.master.commands.execute('capture.save @all chat/all "It pins."')
        addon.save([client], "chat/one", "It pins.")
        await finished(addon)
    assert sorted(path.name for path in (folder / "chat").iterdir()) == ["all", "one"]


async def run_exchange(addon: Capture, attempt: http.HTTPFlow, client: http.HTTPFlow) -> None:
    addon.exchange_end(Exchange(client, attempts=[Attempt(attempt, UppercaseConverter())], outcome="answered"))


@pytest.mark.slow
async def test_every_exchange_is_kept_where_that_is_wished(capture: Captures, tmp_path: Path) -> None:
    addon, context = capture
    await run_exchange(addon, *exchange())
    context.options.capture_all = str(tmp_path / "all")
    attempt, client = exchange()
    await run_exchange(addon, attempt, client)
    addon.done()
    [folder] = (tmp_path / "all" / "chat").iterdir()
    assert folder.name.endswith(client.id[:8])
    assert b"the key <key-1>" in Case.load(folder).client_request


@pytest.mark.slow
@pytest.mark.parametrize("read", [1, 2, 3])
async def test_of_several_attempts_the_one_is_kept_that_the_client_read(
    capture: Captures, tmp_path: Path, read: int
) -> None:
    addon, context = capture
    context.options.capture_all = str(tmp_path / "all")
    *flows, client = three_attempts(read)
    faults = [Fault("rate_limited", "slow down"), Fault("cut", "acme cut"), None]
    attempts = [Attempt(flow, UppercaseConverter(), fault=fault) for flow, fault in zip(flows, faults, strict=True)]
    outcome: Outcome = "failed" if faults[read - 1] else "answered"
    addon.exchange_end(Exchange(client, attempts=attempts, outcome=outcome, fault=faults[read - 1]))
    addon.done()
    [folder] = (tmp_path / "all" / "chat").iterdir()
    metadata = Case.load(folder).metadata
    assert (metadata.status, metadata.fault is None) == [(429, True), (200, False), (200, True)][read - 1]


@pytest.mark.slow
async def test_an_exchange_that_cannot_be_kept_is_logged(
    capture: Captures, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    addon, context = capture
    context.options.capture_all = str(tmp_path / "all")
    flows_of_it = exchange()
    await run_exchange(addon, *flows_of_it)
    await run_exchange(addon, *flows_of_it)
    addon.done()
    assert "exists" in caplog.text


@pytest.mark.slow
async def test_more_than_can_wait_is_left_out_and_said(
    capture: Captures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("addons.recording.capture._LARGEST_BACKLOG", 0)
    addon, context = capture
    context.options.capture_all = str(tmp_path / "all")
    await run_exchange(addon, *exchange())
    assert "left out" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("outcome", ["killed", "client_left"])
async def test_an_exchange_that_was_ended_early_is_not_kept(
    capture: Captures, tmp_path: Path, outcome: Outcome
) -> None:
    addon, context = capture
    context.options.capture_all = str(tmp_path / "all")
    attempt, client = exchange()
    addon.exchange_end(Exchange(client, attempts=[Attempt(attempt, UppercaseConverter())], outcome=outcome))
    addon.exchange_end(Exchange(client, outcome="refused"))
    addon.done()
    assert list((tmp_path / "all").rglob("case.toml")) == []


def test_what_is_kept_for_a_while_stays_out_of_what_is_for_good(capture: Captures, folder: Path) -> None:
    with pytest.raises(exceptions.OptionsError, match="must not lie in capture_dir"):
        capture[1].options.capture_all = str(folder / "all")


@pytest.mark.parametrize("most", ["capture_all_mb", "capture_all_count"])
def test_a_folder_that_may_keep_nothing_is_a_mistake(capture: Captures, most: str) -> None:
    with pytest.raises(exceptions.OptionsError, match=f"{most}: must be at least 1"):
        capture[1].options.update(**{most: 0})


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_told_at_once(capture: Captures, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(exceptions.OptionsError, match="capture_all: "):
        capture[1].options.capture_all = str(tmp_path / "file")


def test_a_list_of_secrets_that_cannot_be_read_is_told_at_once(capture: Captures, tmp_path: Path) -> None:
    with pytest.raises(exceptions.OptionsError, match=r"redact: .*nowhere"):
        capture[1].options.redact = ["@/nowhere"]
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(exceptions.OptionsError, match=r"redact: 'utf-8' codec"):
        capture[1].options.redact = [f"@{tmp_path / 'binary'}"]


def test_secrets_are_listed_one_by_one_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("b\n\n c \n")
    assert expand_values(["a", f"@{tmp_path / 'list'}"]) == ["a", "b", "c"]


def test_this_machine_s_secrets_are_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2hunter2")
    known = private_values(["from-a-file"], ["listed"])
    assert {"hunter2hunter2", "from-a-file"} <= set(known.secrets)
    assert known.listed == ("listed",)
    assert known.homes == (str(Path.home()),)
