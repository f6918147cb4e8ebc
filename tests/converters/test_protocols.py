"""The table of protocols."""

from converters.protocols import CONVERTERS, DIALECTS


def test_every_protocol_has_its_dialect() -> None:
    assert set(DIALECTS) == {"responses", "chat", "anthropic"}


def test_what_is_converted_has_a_path_below_the_provider_s_address() -> None:
    assert {name: converter.path for name, converter in CONVERTERS.items()} == {
        "chat": "/chat/completions",
        "anthropic": "/messages",
    }
