# SPDX-License-Identifier: Apache-2.0
"""Storms under a contact policy: a cap of 1 over two live campaigns, and people who opt out meanwhile.

``--storm-run=N`` plays only run N of a seed, ``--storm-runs=N`` as many.
"""

from __future__ import annotations

import pytest

from tests.chaos.conftest import KINDS, OpenStorm
from tests.chaos.storm.policies import OPTS_OUT, POLICY_MISTAKES, play_with_policy

RUNS = 150
SHORT_RUNS = 4
CAUGHT_WITHIN = 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_storm_ends_without_a_text_against_a_rule(
    kind: str, open_storm: OpenStorm, pytestconfig: pytest.Config, seed: int
) -> None:
    """Never more than one text, nobody by a request that began after the opt-out, and nobody lost."""
    only, long = pytestconfig.getoption("--storm-run"), pytestconfig.getoption("--chaos") == "long"
    number = pytestconfig.getoption("--storm-runs") or (RUNS if long else SHORT_RUNS)
    database = open_storm(kind)
    failed, texts, opted_out = [], 0, 0
    for run in range(number) if only is None else [only]:
        played = play_with_policy(f"{seed}/{run}", database, f"policy storm {seed}/{run}")
        texts, opted_out = texts + played.counts["texts"], opted_out + played.counts[OPTS_OUT]
        if played.complaints:
            failed.append("\n".join([f"Run {run} of seed {seed}:", *played.complaints[:3]]))
        assert len(failed) < 5, "\n\n".join(failed)
    assert failed == [], "\n\n".join(failed)
    assert texts
    assert opted_out


@pytest.mark.parametrize(
    ("kind", "mistake"), [(kind, mistake) for mistake, (_, kinds) in POLICY_MISTAKES.items() for kind in kinds]
)
def test_a_planted_mistake_about_a_policy_is_seen(
    kind: str, mistake: str, open_storm: OpenStorm, pytestconfig: pytest.Config, seed: int
) -> None:
    """With a rule left out, a storm does not end well."""
    if pytestconfig.getoption("--chaos") != "long" and kind != "sqlite":
        pytest.skip("in the long form")
    plant, _ = POLICY_MISTAKES[mistake]
    with plant():
        database = open_storm(kind)
        for run in range(CAUGHT_WITHIN):
            if complaints := play_with_policy(f"{seed}/{run}", database, f"policy storm {run}").complaints:
                print(f"run {run}: {complaints[0]}")
                return
    pytest.fail(f"{CAUGHT_WITHIN} storms did not show that {mistake}")
