# SPDX-License-Identifier: Apache-2.0
"""The sample of a slow test: the same in every run, whole on request, and dense enough for a mistake in the order."""

from __future__ import annotations

import pytest

from tests.crash.crashes import SHARE, crash_in_each, gaps_of
from tests.crash.endings import Endings
from tests.crash.stage import Stage
from tests.crash.test_planted_mistakes import texted_twice
from tests.sampling import sampled


def test_a_sample_is_drawn_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, never empty, another one for another name; all of it in a whole run."""
    monkeypatch.delenv("USPEEDO_SLOW", raising=False)
    one = sampled(range(101), SHARE, "one")
    assert (one, len(one)) == (sampled(range(101), SHARE, "one"), 26)
    assert one == sorted(set(one))
    assert one != sampled(range(101), SHARE, "another")
    assert (sampled(["only"], SHARE, "one"), sampled([], SHARE, "one")) == (["only"], [])
    monkeypatch.setenv("USPEEDO_SLOW", "all")
    assert sampled(range(101), SHARE, "one") == list(range(101))


@pytest.mark.slow
@pytest.mark.parametrize("drawn", ["first", "second", "third"])
@pytest.mark.parametrize("mistake", ["claim after send", "mark sending after send", "sending may be taken"])
def test_a_sample_of_crashes_finds_a_mistake_about_the_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mistake: str, drawn: str
) -> None:
    """One request of three is enough, and any sample: the state that such a mistake leaves lasts for many gaps."""
    monkeypatch.delenv("USPEEDO_SLOW", raising=False)
    endings = Endings(once_more=False)
    empty = stage.scene()
    gaps = sampled(range(len(gaps_of(empty, mistake=mistake))), SHARE, drawn)
    for crashed in crash_in_each(empty, gaps, mistake=mistake):
        endings.finish(crashed.scene, f"crash in gap {crashed.gap}", mistake=mistake)
    assert texted_twice(endings)
