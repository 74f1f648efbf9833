# SPDX-License-Identifier: Apache-2.0
"""Whatever several attempts do, in whatever order: nobody is texted twice, and nobody is forgotten."""

from __future__ import annotations

from itertools import count
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import OpenLedger
from tests.ledger.histories import Step, play
from tests.ledger.mistakes import LEFTOVERS, STATE, planted

STEPS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 11)), max_size=25)
_numbers = count(1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_any_history_texts_everybody_once(ledger: Ledger, campaign: str, steps: list[Step]) -> None:
    """Claims, sendings, lost answers, late repetitions, other tables; then a last try that finishes."""
    play(ledger, f"{campaign} {next(_numbers)}", steps)


def _some_history_breaks(ledger: Ledger, campaign: str) -> None:
    for seed in range(80):
        random = Random(seed)
        steps = [(random.randrange(9), random.randrange(3), random.randrange(12)) for _ in range(25)]
        play(ledger, f"{campaign} {seed}", steps)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_histories_find_a_missing_rule(open_ledger: OpenLedger, campaign: str) -> None:
    """The check of histories is worth something: it sees what happens if states may go back."""
    ledger = open_ledger()
    with planted(ledger, STATE, only="UPDATE"), pytest.raises(AssertionError):
        _some_history_breaks(ledger, campaign)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_histories_find_stranded_people(open_ledger: OpenLedger, campaign: str) -> None:
    """And what happens if the leftovers of superseded requests are nobody's."""
    ledger = open_ledger()
    with planted(ledger, LEFTOVERS), pytest.raises(AssertionError, match="stranded"):
        _some_history_breaks(ledger, campaign)
