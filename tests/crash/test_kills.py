# SPDX-License-Identifier: Apache-2.0
"""``kill -9`` at random moments, with real threads: no gap is chosen and nothing takes turns."""

from __future__ import annotations

import random
import time

import pytest

from tests.crash.endings import Endings
from tests.crash.stage import Stage
from tests.sampling import sampled

MAX_KILLS = 4


@pytest.mark.parametrize(
    "seeds", [range(8), *(pytest.param(range(n, n + 25), marks=pytest.mark.slow) for n in range(100, 175, 25))], ids=str
)
def test_killed_again_and_again_everyone_is_texted_once(stage: Stage, seeds: range) -> None:
    """A campaign with three sending threads is killed at random moments up to four times, and then left alone."""
    endings = Endings()
    for seed in sampled(seeds, 1 if len(seeds) == 8 else 2, str(seeds)):
        chance = random.Random(seed)
        scene = stage.scene()
        for _ in range(chance.randint(1, MAX_KILLS)):
            child = scene.start(threads="real", seed=chance.randrange(1000))
            time.sleep(chance.uniform(0.0, 0.12))
            child.kill()
            child.wait()
            stage.quiet()
            scene.crashes += 3
        endings.finish(scene, f"seed {seed}", threads="real")
    assert endings.found == []
