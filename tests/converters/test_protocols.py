"""The table of protocols."""

import pytest

from converters.dialect import Dialect
from converters.protocols import PROTOCOLS, WireProtocol, without_path


def test_a_path_may_hold_the_models_name() -> None:
    row = WireProtocol(
        path="/models/{model}:stream",
        dialect=Dialect,
        decoder=PROTOCOLS["chat"].decoder,
        rendering=PROTOCOLS["chat"].rendering,
    )
    assert row.path_for("a/b c") == "/models/a%2Fb%20c:stream"
    assert row.is_at("/v1/models/anything:stream")
    assert not row.is_at("/v1/models/stream")


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocols_own_path_is_known_behind_any_base(protocol: WireProtocol) -> None:
    for path in (protocol.path, *protocol.other_paths):
        assert protocol.is_at(f"/v1{path}")
        assert not protocol.is_at(f"/v1{path}/more")
        assert without_path(f"/v1{path}") == "/v1"
    assert without_path("/v1") == "/v1"
