"""Errors in a file, with their places."""

import pytest

from addons.routing import config_errors
from addons.routing.config_errors import ConfigError
from addons.routing.provider import Provider
from converters.jsontext import Json

GOOD: Json = {"protocol": "chat", "base_url": "https://h"}


def lines(table: object) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        config_errors.validated(Provider, table, "providers.x")
    return refused.value.lines


def test_a_valid_table_is_accepted() -> None:
    assert config_errors.validated(Provider, GOOD, "providers.x").protocol == "chat"


def test_an_unknown_key_is_reported_with_a_suggestion() -> None:
    assert lines(GOOD | {"base_ur": 1}) == ["providers.x.base_ur: unknown key (did you mean base_url?)"]


def test_a_suggestion_comes_from_the_table_that_holds_the_key() -> None:
    assert lines(GOOD | {"models": {"m": {"contxt": 1}}}) == [
        "providers.x.models.m.contxt: unknown key (did you mean context?)"
    ]
    assert lines(GOOD | {"variants": [{"models": ["m"], "dialct": {}}]}) == [
        "providers.x.variants[0].dialct: unknown key (did you mean dialect?)"
    ]


def test_without_a_suggestion_all_known_keys_are_listed() -> None:
    (line,) = lines(GOOD | {"zzz": 1})
    assert line.startswith("providers.x.zzz: unknown key; known: protocol, base_url, key_env")


def test_all_errors_of_a_table_are_reported_at_once() -> None:
    assert lines({"idle": -1}) == [
        "providers.x.protocol: is missing",
        "providers.x.base_url: is missing",
        "providers.x.idle: Input should be greater than 0",
    ]


def test_a_key_that_was_pasted_into_the_file_is_not_repeated() -> None:
    errors = "; ".join(lines(GOOD | {"api_key": "hidden", "key_env": [1], "headers": {"x-api-key": "hidden"}}))
    assert "hidden" not in errors and "providers.x.api_key: unknown key" in errors


def test_the_top_level_knows_its_tables() -> None:
    with pytest.raises(ConfigError, match=r"^route: unknown key \(did you mean routes\?\)$"):
        config_errors.refuse_unknown({"routes": [], "route": []}, ("routes", "providers"))


def test_many_known_names_are_not_listed() -> None:
    assert config_errors.unknown("zzz", (f"name{i}" for i in range(50))) == "unknown name"
