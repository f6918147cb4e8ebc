"""Each cause has its consequence."""

from typing import get_args

import pytest

from addons.failover.causes import CONSEQUENCES
from addons.health.cool_downs import COOL_DOWNS
from converters.errors import Kind

KINDS = get_args(Kind.__value__)


def test_every_kind_of_fault_has_a_row() -> None:
    assert set(CONSEQUENCES) == set(KINDS)


@pytest.mark.parametrize("kind", COOL_DOWNS)
def test_what_cools_a_key_leads_to_the_next_key_and_what_cools_a_provider_to_the_next_provider(kind: Kind) -> None:
    assert CONSEQUENCES[kind].concerns == COOL_DOWNS[kind].of


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_repeated_that_no_time_cures(kind: Kind) -> None:
    consequence = CONSEQUENCES[kind]
    assert consequence.time_cures or not consequence.repeats
    assert consequence.repeats <= 2
