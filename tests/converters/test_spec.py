"""What a conversion is opened with can be written down, and read again by a later version."""

import json

import pytest

from converters.anthropic.dialect import AnthropicDialect
from converters.chat.dialect import ChatDialect
from converters.conversion import ConversionSpec, Upstream
from converters.dialect import Dialect
from converters.responses.dialect import ResponsesDialect

OLDER = {
    "who": "acme", "protocol": "chat", "model": "m", "dialect": {"think_tags": False}, "now": 7, "client": "codex",
    "compact": False, "without_thinking": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "dialect"),
    [
        ("chat", ChatDialect(think_tags=False)),
        ("anthropic", AnthropicDialect(thinking="budget")),
        ("responses", ResponsesDialect(refused_tools=("x",))),
    ],
)
@pytest.mark.parametrize("flag", [True, False])
def test_a_spec_is_read_as_it_was_written(protocol: str, dialect: Dialect, *, flag: bool) -> None:
    upstream = Upstream("acme", protocol, "m", dialect)
    spec = ConversionSpec(upstream, 7, "other", flag, flag, not flag)
    assert ConversionSpec.from_json(spec.as_json()) == spec


def test_one_that_an_older_version_wrote_is_still_read() -> None:
    upstream = Upstream("acme", "chat", "m", ChatDialect(think_tags=False))
    assert ConversionSpec.from_json(json.dumps(OLDER)) == ConversionSpec(upstream, 7, "codex", reasoning_stripped=True)


@pytest.mark.parametrize("text", ["", "7", "[]", "{}", '{"provider": "acme", "protocol": "morse"}'])
def test_what_is_no_spec_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ConversionSpec.from_json(text)
