import pytest
from mitmproxy import version
from mitmproxy.proxy.layers import http as internals

from addons import layer
from addons.layer.stream import ExchangeStream


def test_mitmproxy_makes_our_streams() -> None:
    layer.install()
    layer.install()
    assert internals.HttpStream is ExchangeStream


def test_this_mitmproxy_is_the_one_we_know() -> None:
    assert version.VERSION.startswith("12.2.")


@pytest.mark.parametrize("found", ["12.1.2", "12.20.0", "13.0.0"])
def test_another_mitmproxy_is_refused_by_name(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "VERSION", found)
    with pytest.raises(RuntimeError, match=f"transcodex needs mitmproxy 12.2, this is {found}$"):
        layer.install()


def test_a_mitmproxy_that_lacks_what_we_rely_on_is_refused_by_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(internals.HttpLayer, "make_stream")
    with pytest.raises(RuntimeError, match=r"which lacks HttpLayer\.make_stream"):
        layer.install()
