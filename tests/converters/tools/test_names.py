"""What tools are called upstream."""

import re

from hypothesis import given
from hypothesis import strategies as st

from converters import tools
from tests.converters.tools.offers import box, function, names, namespace


@given(st.text(min_size=1), st.none() | st.text())
def test_flat_names_fit_every_upstream(name: str, space: str | None) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tools.flat_name(name, space))


@given(st.lists(st.text("ab.é_-", min_size=1, max_size=90), unique=True, max_size=20))
def test_different_tools_never_share_a_name(originals: list[str]) -> None:
    flat = [tools.flat_name(name, None) for name in originals]
    assert len(set(flat)) == len(flat)


def test_a_long_name_keeps_a_readable_head_and_comes_back_whole() -> None:
    long = "very_" * 20
    toolbox = box(namespace("mcp__server", function(long)))
    (flat,) = names(toolbox)
    assert flat.startswith("mcp__server__very_very_")
    assert tools.lift(toolbox.find(flat), flat, "c", "{}")["name"] == long
