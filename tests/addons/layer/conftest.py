from collections.abc import Iterator

import pytest
from mitmproxy.proxy.layers import http as internals

from addons import layer

REPLACED = ("HttpStream", "Http1Client", "Http1Server")


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    plain = {name: getattr(internals, name) for name in REPLACED}
    layer.install()
    yield
    for name, original in plain.items():
        setattr(internals, name, original)
