"""Which mitmproxy the unit tests of addons/ are run with beside the pinned one, and what is installed with it."""

import pytest

from scripts.other_mitmproxy import chosen, pinned, wanted


@pytest.mark.parametrize(("which", "asked"), [("oldest", "mitmproxy==12.2.1"), ("newest", "mitmproxy>=12.2.1,<12.4")])
def test_the_range_has_two_ends(which: str, asked: str) -> None:
    assert chosen(which, "mitmproxy>=12.2.1,<12.4") == asked


def test_what_nothing_could_fit_is_not_bounded() -> None:
    requirements = ["Brotli<=1.2.1,>=1.2.1", "certifi>=2026.10.19", 'click<9; extra == "dev"']
    assert wanted(requirements) == ["Brotli<=1.2.1,>=1.2.1", "certifi"]


def test_the_rest_is_pinned() -> None:
    pins = ["# exact versions", "mitmproxy==12.2.3", "pytest-asyncio==1.5.0", "orjson==3.13.0"]
    assert pinned(pins, ["orjson", "pytest-asyncio"]) == ["pytest-asyncio==1.5.0", "orjson==3.13.0"]
