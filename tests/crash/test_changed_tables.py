# SPDX-License-Identifier: Apache-2.0
"""A crash, and by the next try the table has changed."""

from __future__ import annotations

import pytest

from tests.crash.crashes import crash_in_each, gaps_of
from tests.crash.endings import Endings
from tests.crash.people import LATER
from tests.crash.stage import Stage


@pytest.mark.parametrize("step", [21, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("later", [name for name in LATER if name != "the same"])
def test_the_next_try_reads_another_table(stage: Stage, later: str, step: int) -> None:
    """Rows came, went, moved or changed: each row now in the table has its one line, and nobody a second message."""
    empty = stage.scene()
    endings = Endings()
    for crashed in crash_in_each(empty, range(0, len(gaps_of(empty)), step)):
        endings.finish(crashed.scene, f"crash in gap {crashed.gap}, then {later}", table=later)
    assert endings.found == []


@pytest.mark.parametrize("later", [name for name in LATER if name != "the same"])
def test_the_table_changes_and_changes_back(stage: Stage, later: str) -> None:
    """Two tries of two tables, then the first table again: the results are those of the last reading."""
    endings = Endings()
    scene = stage.scene()
    scene.crash(at=50)
    scene.run(table=later)
    endings.finish(scene, f"{later} in between", table="the same")
    assert endings.found == []
