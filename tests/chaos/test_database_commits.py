# SPDX-License-Identifier: Apache-2.0
"""Commits whose acknowledgement is lost on the wire, or that are lost or late themselves: each of a campaign."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.database_servers import DatabaseServer, own_server
from tests.chaos.own_ledgers import assert_done, behind_proxy
from tests.chaos.proxy import AtCommit, Fault, delay_commit, lose_acknowledgement, lose_commit
from tests.chaos.stage import Stage

FAULTS = {"acknowledgement lost": lose_acknowledgement, "lost": lose_commit, "late": delay_commit}
STEP_OF_SHORT_FORM = {"acknowledgement lost": 1, "lost": 4, "late": 4}
FEWEST = 12
"""Commits of the smallest campaign: the tables, the try, the claim, then *sending* and the answer of each request."""


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    with own_server(request.param) as server:
        yield server


@pytest.mark.parametrize("what", FAULTS)
def test_whichever_commit_goes_wrong_the_try_goes_on(
    stage: Stage, server: DatabaseServer, what: str, long: bool, seed: int
) -> None:
    """Everybody is texted once, by four requests, and nobody is in doubt: the task does not even fail."""
    step = 1 if long else STEP_OF_SHORT_FORM[what]
    number = 1 + seed % step
    while _survived(stage, server, number, FAULTS[what]):
        number += step
    assert number > FEWEST, f"a campaign of only {number - 1} commits"


def _survived(stage: Stage, server: DatabaseServer, number: int, fault: Fault) -> bool:
    """Plays it with the fault at that commit; false if the campaign has no more than that many commits."""
    at = AtCommit(number, fault)
    with behind_proxy(stage, server, at) as scene:
        report = scene.run()
        assert_done(scene, report)
        assert report["xcoms"]["return_value"]["requests"] == len(scene.journal()) == 4
        return at.happened
