from collections.abc import Iterator

import pytest
from mitmproxy.proxy.layers import http as internals

from addons import layer


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    plain = internals.HttpStream
    layer.install()
    yield
    internals.HttpStream = plain  # type: ignore[misc]
