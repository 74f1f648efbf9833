# SPDX-License-Identifier: Apache-2.0
"""The sample of a slow test: the same in every run, whole on request, and dense enough for a mistake in the order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.crash.crashes import SHARE, crash_in_each, gaps_of
from tests.crash.endings import Endings
from tests.crash.stage import Scene, Stage
from tests.crash.test_planted_mistakes import texted_twice
from tests.sampling import is_in_part, sampled


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


def test_parts_have_every_test_once() -> None:
    """Whatever the number of parts; a part that there is none of is refused."""
    names = [f"tests/test_{number}.py::test" for number in range(500)]
    for parts in (1, 2, 5):
        found = [[name for name in names if is_in_part(name, f"{part}/{parts}")] for part in range(1, parts + 1)]
        assert sorted(name for some in found for name in some) == sorted(names)
        assert min(map(len, found)) > 300 / parts
    with pytest.raises(ValueError, match="no part 3 of 2"):
        is_in_part("tests/test_1.py::test", "3/2")


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["claim after send", "mark sending after send", "sending may be taken"])
def test_a_sample_of_crashes_finds_a_mistake_about_the_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """The state that such a mistake leaves lasts for several gaps, so that most samples find it, and CI draws many."""
    monkeypatch.delenv("USPEEDO_SLOW", raising=False)
    empty = stage.scene()
    every_gap = range(len(gaps_of(empty, mistake=mistake)))
    assert sum(finds(empty, sampled(every_gap, SHARE, drawn), mistake) for drawn in ("first", "second", "third")) >= 2


def finds(empty: Scene, gaps: Sequence[int], mistake: str) -> bool:
    """Whether crashes in these gaps show that somebody is texted twice."""
    endings = Endings(once_more=False)
    for crashed in crash_in_each(empty, gaps, mistake=mistake):
        endings.finish(crashed.scene, f"crash in gap {crashed.gap}", mistake=mistake)
    return texted_twice(endings)
