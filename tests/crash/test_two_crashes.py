# SPDX-License-Identifier: Apache-2.0
"""A crash, and another one in the try that goes on from there."""

from __future__ import annotations

import pytest

from tests.crash.crashes import SHARE, crash_in_each, gaps_of, one_crash
from tests.crash.endings import Endings
from tests.crash.stage import Stage
from tests.sampling import sampled

PARTS = 4
"""The pairs are cut into so many tests, so that they can run side by side."""


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_pair_of_crashes_texts_everyone_once(stage: Stage, part: int) -> None:
    """From every state that a first crash leaves, a second one in a sample of gaps; from all they leave, to the end."""
    endings = Endings()
    for first in one_crash(stage).states[part::PARTS]:
        gaps = sampled(range(len(gaps_of(first.scene))), SHARE, f"after gap {first.gap}")
        for second in crash_in_each(first.scene, gaps):
            endings.finish_if_new(second.scene, f"crash in gap {first.gap}, then in gap {second.gap}")
    assert endings.found == []
    assert endings.resumed > 10


def test_pairs_of_crashes_text_everyone_once_sample(stage: Stage) -> None:
    """The same for a spread of pairs."""
    endings = Endings()
    empty = stage.scene()
    for first in crash_in_each(empty, range(9, 95, 17)):
        for second in crash_in_each(first.scene, range(first.gap % 9, 100, 25)):
            endings.finish_if_new(second.scene, f"crash in gap {first.gap}, then in gap {second.gap}")
    assert endings.found == []
    assert endings.resumed > 10
