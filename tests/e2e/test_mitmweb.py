"""A person looks at a live exchange in mitmweb: a real page, in a real browser without a window.

What the page looked like stays in .cache/pictures/; the README's pictures are some of these, in fewer colours.
"""

import http.client
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from addons.cases.case import Case
from scripts import browser
from tests.e2e import proxy as mitmdump
from tests.e2e.conftest import KEYS, ROUTES
from tests.e2e.scripted_response import Call, ModelResponse, Reasoning, Text
from tests.e2e.scripted_upstream import ScriptedUpstream, UpstreamKind

BROWSER = Path(os.environ.get("BROWSER_BIN") or browser.BROWSER)
PICTURES = mitmdump.REPOSITORY / ".cache" / "pictures"
QUESTION = mitmdump.REPOSITORY / "scripts" / "codex_request.json"
SAID = ModelResponse(
    Reasoning("The user wants to know what is in the folder. I had better look before I say anything."),
    Text("I look into the folder first."),
    Call("exec_command", {"cmd": "ls -la src\nwc -l src/*.py", "workdir": "/project"}),
)


@dataclass(frozen=True)
class Web:
    """A mitmweb in which one exchange has happened."""

    page: Page
    port: int
    """Where Codex asks."""
    cases: Path

    @property
    def rows(self) -> Locator:
        return self.page.locator("tr.has-request")

    def row(self, path: str) -> Locator:
        return self.rows.filter(has_text=path)

    def open(self, path: str, tab: str) -> Locator:
        """The body as it is shown when a person clicks on a flow, and on a tab."""
        self.row(path).click()
        self.page.locator(".flow-detail nav").get_by_text(tab, exact=True).click()
        return self.page.locator(".contentview")

    def show_command_bar(self) -> None:
        self.page.locator("header nav").get_by_text("Options").click()
        self.page.get_by_label("Display Command Bar").check()

    def command(self, line: str) -> str:
        """What the command bar answers."""
        results = self.page.locator(".command-result > div")
        before = results.count()
        self.page.locator(".command-input input").click()
        self.page.keyboard.type(line)
        self.page.keyboard.press("Enter")
        expect(results).not_to_have_count(before)
        return results.last.inner_text().partition("\n")[2]

    def wait_for_case(self, name: str) -> None:
        """A case is written by a process of its own, and appears when it is whole."""
        deadline = time.monotonic() + 30
        while not (self.cases / name).exists():
            assert time.monotonic() < deadline, f"{name} does not come"
            self.page.wait_for_timeout(50)

    def search(self, expression: str, *, finds: int) -> None:
        self.page.locator("header nav").get_by_text("Flow List").click()
        self.page.locator(".filter-input input").first.fill(expression)
        expect(self.rows).to_have_count(finds)

    def picture(self, name: str) -> None:
        self.page.evaluate("document.activeElement.blur()")
        self.page.wait_for_load_state("networkidle")
        self.page.screenshot(path=PICTURES / f"{name}.png")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not BROWSER.exists():
        pytest.fail(f"no browser at {BROWSER}: run scripts/setup chromium, or set BROWSER_BIN")
    with sync_playwright() as playwright:
        running = browser.launched(playwright, BROWSER)
        yield running.new_page(viewport={"width": 1200, "height": 800})
        running.close()


@pytest.fixture(scope="module")
def web(
    upstreams: dict[UpstreamKind, ScriptedUpstream], page: Page, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    folder, port = tmp_path_factory.mktemp("web"), mitmdump.free_port()
    addresses = {kind: upstream.base_url for kind, upstream in upstreams.items()}
    keys = {f"{kind.upper()}_KEY": key for kind, key in KEYS.items()}
    routes = ROUTES.format(**addresses, dead=mitmdump.free_port())
    options = [
        *("web_host=127.0.0.1", f"web_port={port}", "web_open_browser=false", "web_password=let-me-in"),
        *("web_columns=path", "web_columns=status"),
    ]
    chosen = [part for option in options for part in ("--set", option)]
    target = "http://127.0.0.1:9"
    with mitmdump.running(folder, routes, target, keys, *chosen, program="mitmweb") as proxy:
        upstreams["chat"].script(SAID)
        ask(proxy.port, "chat-tiny")
        page.goto(f"http://127.0.0.1:{port}/?token=let-me-in")
        widen(page)
        yield Web(page, proxy.port, folder / "flows")


def ask(port: int, model: str) -> None:
    body = json.loads(QUESTION.read_text()) | {"model": model, "stream": True}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/v1/responses", json.dumps(body), {"content-type": "application/json"})
    assert b"response.completed" in connection.getresponse().read()
    connection.close()


def widen(page: Page) -> None:
    """Gives a body the room of 100 columns."""
    page.locator("tr.has-request").first.click()
    splitter = page.locator(".splitter-x").bounding_box()
    assert splitter is not None
    page.mouse.move(splitter["x"] + 1, 400)
    page.mouse.down()
    page.mouse.move(345, 400)
    page.mouse.up()


def shown(body: Locator) -> str:
    """The name of the view that mitmproxy chose, and what it shows."""
    expect(body.locator("h5")).to_have_text("Turn")
    return body.locator("pre").inner_text()


def test_both_sides_of_an_exchange_stand_in_the_list_and_what_lost_something_is_marked(web: Web) -> None:
    expect(web.row("/v1/responses")).to_have_count(1)
    expect(web.row("/v1/chat/completions")).to_have_count(1)
    expect(web.row("/v1/responses").locator(".marker")).to_have_text("⚠")
    expect(web.row("/v1/chat/completions").locator(".marker")).to_have_text("")


def test_the_client_s_question_is_shown_as_a_conversation(web: Web) -> None:
    text = shown(web.open("/v1/responses", "Request"))
    assert ": chat-tiny -> strict-chat chat-tiny (chat), " in text.splitlines()[0]
    assert "request to chat-tiny · responses" in text
    assert re.search(r"exec_command, write_stdin, .*\n.*multi_agent_v1: \{close_agent, ", text)
    assert text.rstrip().endswith("user\n     say hi")


def test_the_client_s_answer_is_shown_as_a_turn(web: Web) -> None:
    text = shown(web.open("/v1/responses", "Response"))
    web.picture("answer")
    assert "thinking · [our seal: chat, " in text
    assert "cmd:\n      ls -la src\n      wc -l src/*.py\n  workdir: /project" in text
    assert text.rstrip().endswith("ends: tool_calls · 100 tokens in (40 cached) · 20 out (5 thinking)")


def test_the_upstream_s_request_and_answer_are_shown_with_their_dialect_and_timing(web: Web) -> None:
    request = shown(web.open("/v1/chat/completions", "Request"))
    web.picture("upstream")
    assert "dialect: reasoning_back exact" in request
    assert "request to chat-tiny · chat" in request
    response_text = shown(web.open("/v1/chat/completions", "Response"))
    assert re.search(r"\d+ pieces: first after \d+ ms, last after ", response_text)
    assert "  I look into the folder first." in response_text


def test_the_comment_tells_what_came_of_the_exchange(web: Web) -> None:
    web.row("/v1/responses").click()
    web.page.locator(".flow-detail nav").get_by_text("Comment", exact=True).click()
    text = web.page.locator(".flow-detail section").inner_text()
    assert "chat-tiny -> strict-chat chat-tiny (chat), " in text
    assert "lost tools[8]: web_search" in text


def test_a_plain_json_body_is_still_shown_as_json(web: Web) -> None:
    expect(web.open("/health", "Response").locator("h5")).to_have_text("JSON")


def test_the_flow_that_is_looked_at_is_saved_as_a_case(web: Web) -> None:
    web.show_command_bar()
    shown(web.open("/v1/responses", "Response"))
    text = web.command('capture.wrong @focus chat/from-the-page "A call keeps its arguments."')
    assert "chat/from-the-page: being redacted" in text
    web.wait_for_case("chat/from-the-page")
    web.page.locator("header nav").get_by_text("Flow", exact=True).click()
    web.picture("capture")
    case = Case.load(web.cases / "chat" / "from-the-page")
    assert json.loads(case.client_request)["model"] == "chat-tiny"
    assert (case.metadata.wrong, case.metadata.pins) == (True, "A call keeps its arguments.")


def test_a_command_leads_from_one_side_to_the_other_and_back(web: Web) -> None:
    web.show_command_bar()
    shown(web.open("/v1/responses", "Request"))
    for path in ("/v1/chat/completions", "/v1/responses"):
        web.command("exchange.other @focus")
        expect(web.row(path)).to_have_class(re.compile("selected"))
        expect(web.rows).to_have_count(3)
        shown(web.page.locator(".contentview"))


def test_the_way_to_the_other_side_leads_past_the_search(web: Web) -> None:
    web.show_command_bar()
    web.search("~u /v1/responses$", finds=1)
    shown(web.open("/v1/responses", "Request"))
    web.command("exchange.other @focus")
    expect(web.page.locator(".contentview pre")).to_contain_text("request to chat-tiny · chat")
    expect(web.rows).to_have_count(1)
    web.search("", finds=3)
    expect(web.row("/v1/chat/completions")).to_have_class(re.compile("selected"))


def test_a_command_tells_the_search_that_finds_both_sides(web: Web) -> None:
    web.show_command_bar()
    shown(web.open("/v1/responses", "Request"))
    expression, *comments = json.loads(web.command("exchange.flows @focus"))
    assert ["attempt 1: " in comment for comment in comments] == [False, True]
    web.search(expression, finds=2)
    web.search("", finds=3)


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ('~comment " -> "', "/v1/responses"),
        ('~comment "attempt .: strict-chat "', "/v1/chat/completions"),
        ('~comment "lost "', "/v1/responses"),
        ("~bs 'I look into the folder first' & ~u responses", "/v1/responses"),
        ("~bs reasoning_content & ~u completions", "/v1/chat/completions"),
        ("~bq multi_agent_v1 & ~u completions", "/v1/chat/completions"),
    ],
)
def test_the_search_box_finds_each_side(web: Web, expression: str, path: str) -> None:
    web.search(expression, finds=1)
    expect(web.row(path)).to_have_count(1)
    web.search("", finds=3)


def test_what_a_command_cannot_do_is_said_in_words(web: Web) -> None:
    web.show_command_bar()
    web.row("/health").click()
    assert "no part of a converted exchange" in web.command("exchange.other '~u health'")
    assert "a name is like chat/tool-call-parallel" in web.command("capture.save @all hello")
    assert "a name begins with a protocol" in web.command("capture.save @all all/x")
    assert "is missing" in web.command("replay.send nowhere")


def test_commands_are_typed_into_the_page(web: Web) -> None:
    web.show_command_bar()
    assert any(line.startswith("chat*") for line in json.loads(web.command("routes.show")))
    assert "routes.toml: good, with " in json.loads(web.command("routes.check"))[0]


def test_a_recorded_question_is_asked_again(web: Web, upstreams: dict[UpstreamKind, ScriptedUpstream]) -> None:
    web.show_command_bar()
    shown(web.open("/v1/responses", "Request"))
    web.command('capture.save @focus chat/asked-again "It is asked again."')
    web.wait_for_case("chat/asked-again")
    upstreams["chat"].script(SAID)
    web.command(f"replay.send {web.cases / 'chat' / 'asked-again'}")
    expect(web.rows).to_have_count(5)
    web.rows.nth(3).click()
    web.page.locator(".flow-detail nav").get_by_text("Comment", exact=True).click()
    expect(web.page.locator(".flow-detail section")).to_contain_text(": the same shape")


def test_a_running_answer_is_shown_on_both_sides_as_far_as_it_came(
    web: Web, upstreams: dict[UpstreamKind, ScriptedUpstream]
) -> None:
    upstreams["chat"].script(ModelResponse(Text("I begin, and then I say nothing more."), ending="stall"))
    before = web.rows.count()
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    body = json.loads(QUESTION.read_text()) | {"model": "chat-tiny", "stream": True}
    connection.request("POST", "/v1/responses", json.dumps(body), {"content-type": "application/json"})
    assert connection.getresponse().status == 200
    expect(web.rows).to_have_count(before + 2)
    for number in (before, before + 1):
        web.rows.nth(number).click()
        web.page.locator(".flow-detail nav").get_by_text("Response", exact=True).click()
        expect(web.page.locator(".contentview pre")).to_contain_text("I begin, and then I say nothing more.")
        expect(web.page.locator(".contentview pre")).to_contain_text("goes on")
    connection.close()
