from collections.abc import Iterator
from pathlib import Path

import pytest
from mitmproxy.proxy.layers import http as internals
from mitmproxy.test import taddons

from addons.routing import config
from tests.addons.proxy_under_test import KEY, ProxyUnderTest


@pytest.fixture
def proxy_under_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProxyUnderTest]:
    """All addons, with the routes of the test and no key but theirs."""
    for variable in (one for provider in config.load(None).providers.values() for one in provider.variables):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(f"{variable}_FILE", raising=False)
    monkeypatch.setenv("ACME_KEY", KEY)
    plain = internals.HttpStream
    with taddons.context() as context:
        proxy_under_test = ProxyUnderTest(context, tmp_path / "routes.toml")
        proxy_under_test.routes()
        yield proxy_under_test
    internals.HttpStream = plain  # type: ignore[misc]
