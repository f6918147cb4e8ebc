from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.proxy.layers import http as internals
from mitmproxy.test import taddons

from addons.routing import config
from tests.addons.house import KEY, House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """All addons, with the routes of the test and no key but theirs."""
    for variable in (one for provider in config.load(None).providers.values() for one in provider.key_env):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(f"{variable}_FILE", raising=False)
    monkeypatch.setenv("ACME_KEY", KEY)
    plain = internals.HttpStream
    with taddons.context() as context:
        house = House(context, tmp_path / "routes.toml")
        house.routes()
        yield house
    internals.HttpStream = plain  # type: ignore[misc]
