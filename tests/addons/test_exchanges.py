"""Questions are answered by whom an addon chooses, whoever that is."""

from collections.abc import Callable, Iterator

import pytest
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.layers import http as internals
from mitmproxy.test import taddons

from addons.exchanges import Choose, Exchanges
from addons.sides import Sides
from addons.target import Target
from converters.dialect import ChatDialect
from converters.errors import RequestError
from converters.exchange import Upstream
from converters.jsontext import Json
from tests.addons.house import CODEX, HELLO, TARGET, Message, question, request
from tests.addons.stage import Stage

ACME = Target(Upstream("acme", "chat", "model-x", ChatDialect()), "http://acme:1/v1", "none")


type Asked = Callable[[Choose], Stage]


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A stage whose client has asked, with a chooser of the test."""
    plain = internals.HttpStream
    with taddons.context() as context:

        def ask(choose: Choose) -> Stage:
            exchanges = Exchanges(choose, Sides())
            context.master.addons.add(Proxyserver(), exchanges)
            stage = Stage(exchanges)
            stage.says(request("POST", "/v1/responses", question(), CODEX))
            return stage

        yield ask
    internals.HttpStream = plain  # type: ignore[misc]


def test_the_chosen_upstream_is_asked_and_its_answer_converted(asked: Asked) -> None:
    stage = asked(lambda request, raw: ACME)
    assert Message(stage.to_upstream[1]).json["model"] == "model-x"
    stage.upstream(HELLO)
    assert b'"text":"Hello"' in stage.to_client


def test_without_a_choice_the_question_passes_as_it_is(asked: Asked) -> None:
    stage = asked(lambda request, raw: None)
    assert Message(stage.to_upstream[TARGET]).body == question()


def test_who_has_nobody_says_why_and_the_client_reads_it(asked: Asked) -> None:
    def refuse(request: http.Request, raw: Json) -> Target | None:
        raise RequestError(f"nobody for {raw['model']}")

    told = Message(asked(refuse).to_client)
    assert (told.status, told.error["message"]) == (400, "nobody for m-1")
