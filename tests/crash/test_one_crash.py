# SPDX-License-Identifier: Apache-2.0
"""One crash, anywhere, and new processes on the same ledger."""

from __future__ import annotations

import pytest

from tests.crash.crashes import crash_in_each, gaps_of
from tests.crash.endings import Endings
from tests.crash.stage import Stage


@pytest.mark.parametrize(
    ("threads", "ledger"),
    [
        ("in turn", True),
        pytest.param("in turn", False, marks=pytest.mark.slow),
        pytest.param("at the end", False, marks=pytest.mark.slow),
    ],
)
def test_whatever_a_try_dies_before_or_after_everyone_is_texted_once(stage: Stage, threads: str, ledger: bool) -> None:
    """A crash in any gap, from the making of the tables to the last SELECT: later tries text the rest, once."""
    nothing = stage.scene(ledger=ledger)
    gaps = gaps_of(nothing, threads=threads)
    endings = Endings()
    for crashed in crash_in_each(nothing, range(len(gaps)), threads=threads):
        endings.finish(crashed.scene, f"crash in gap {crashed.gap}", threads=threads)
    assert endings.found == []
    assert gaps.count("send") == 4
    assert endings.resumed > 10  # different states, that is: claimed, sending, sent, settled ... of three requests
