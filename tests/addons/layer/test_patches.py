"""What is required of mitmproxy, and what is left out where it does not fit."""

import logging
from typing import Any

import pytest
from mitmproxy import addonmanager, version
from mitmproxy.http import MessageData
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers import http as internals
from mitmproxy.proxy.layers.http._http1 import Http1Connection

from addons import layer
from addons.layer import hook_dispatch, message_checks, write_coalescing
from addons.layer.exchange_stream import ExchangeStream
from addons.runtime.dependencies import dependencies, fits

(WANTED,) = (dependency for dependency in dependencies() if dependency.startswith("mitmproxy"))


def test_mitmproxy_makes_our_streams() -> None:
    layer.install()
    layer.install()
    assert internals.HttpStream is ExchangeStream


def test_with_all_that_it_uses_nothing_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    layer.install()
    assert internals.HttpLayer._handle_event is write_coalescing.handle_event
    assert addonmanager.AddonManager.trigger_event is hook_dispatch.trigger_event
    assert MessageData.__post_init__ is message_checks.check
    assert caplog.records == []


def test_this_mitmproxy_is_one_we_know() -> None:
    assert fits(WANTED, version.VERSION)


@pytest.mark.parametrize("found", ["12.2.0", "12.20.0", "13.0.0"])
def test_another_mitmproxy_is_refused_by_name(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "VERSION", found)
    with pytest.raises(RuntimeError, match=f"transcodex needs {WANTED}, this is {found}$"):
        layer.install()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (internals.HttpLayer, "make_stream"),
        (internals.HttpStream, "check_killed"),
        (Http1Connection, "read_body"),
        (internals, "Http1Server"),
        (Layer, "_Layer__debug"),
    ],
)
def test_without_what_responds_or_protects_nothing_is_installed(
    owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = object()
    monkeypatch.setattr(internals, "HttpStream", before)
    monkeypatch.delattr(owner, name)
    with pytest.raises(RuntimeError, match=rf"which lacks {owner.__name__}\.{name}$"):
        layer.install()
    assert internals.HttpStream is before


@pytest.mark.parametrize(
    ("owner", "name", "patched", "attribute"),
    [
        (internals.HttpLayer, "event_to_child", internals.HttpLayer, "_handle_event"),
        (addonmanager, "safecall", addonmanager.AddonManager, "trigger_event"),
        (addonmanager, "traverse", addonmanager.AddonManager, "trigger_event"),
    ],
)
def test_what_is_only_faster_is_left_out_with_a_line_where_it_does_not_fit(
    owner: Any,
    name: str,
    patched: type,
    attribute: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    its_own = object()
    monkeypatch.setattr(patched, attribute, its_own)
    monkeypatch.delattr(owner, name)
    layer.install()
    assert getattr(patched, attribute) is its_own
    assert internals.HttpStream is ExchangeStream
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.endswith(
        f"without its own {patched.__name__}.{attribute}, since this mitmproxy lacks {owner.__name__}.{name}"
    )
