"""What the fuzz tests feed: texts that differ from a valid one at one place, the same for the same seed."""

import json
import random
from itertools import islice

import orjson

from converters import seal
from tests.mutations import VALUES, Source, shrunk

TEXT = orjson.dumps(
    {
        "items": [{"type": "a"}, {"type": "b"}],
        "arguments": '{"path": "x"}',
        "encrypted_content": seal.wrap("chat", {"text": "Hm."}),
    }
)


def test_the_same_seed_gives_the_same_texts() -> None:
    first, second = (list(islice(Source(TEXT).mutations(random.Random(3)), 200)) for _ in range(2))
    assert first == second
    assert len({mutation.text for mutation in first}) > 150


def test_places_are_reached_wherever_json_is_held_by_a_text() -> None:
    said = " ".join(mutation.what for mutation in islice(Source(TEXT).mutations(random.Random(3)), 2000))
    for place in ("items[0].type", "items[1]", "arguments.~json.path", "encrypted_content.~seal.text"):
        assert f" {place}: " in f" {said}"


def test_what_is_mutated_within_a_seal_is_sealed_again() -> None:
    found = [mutation for mutation in islice(Source(TEXT).mutations(random.Random(3)), 500) if "~seal" in mutation.what]
    sealed = [json.loads(mutation.text)["encrypted_content"] for mutation in found]
    assert found and all(seal.is_ours(sealed_text) for sealed_text in sealed)
    assert any(seal.unwrap("chat", sealed_text) != {"text": "Hm."} for sealed_text in sealed)


def test_values_that_cannot_be_written_by_a_careful_encoder_are_among_them() -> None:
    assert {b"NaN", b"1" * 5000, b'"\\ud83d"', b'"\xff"', b"[" * 5000 + b"]" * 5000} <= set(VALUES)


def test_a_text_is_shrunk_to_what_still_fails() -> None:
    assert shrunk(TEXT, lambda text: b'"b"' in text) == b'{"items": [{"type": "b"}]}'
    assert shrunk(b"[" * 9999, lambda text: True) == b"[" * 9999
