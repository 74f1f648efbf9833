# SPDX-License-Identifier: Apache-2.0
"""The scenes: how many rows, how slow the API is, how many requests at once, and which contenders."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.contender import CHUNK, Contender


@dataclass(frozen=True)
class Scene:
    """What is played.

    :param latency: milliseconds from a request to its answer.
    :param concurrency: requests at once; ``None``: each contender as it is by default, and all contenders.
    :param rounds: how often, contenders in turn.
    :param reruns: those that can be run again are, with nothing left to send.
    """

    rows: int
    latency: int = 0
    concurrency: int | None = None
    rounds: int = 1
    reruns: bool = False

    @property
    def name(self) -> str:
        at = f", {self.latency} ms" if self.latency else ""
        return f"{self.rows:,} rows{at}" + (f", concurrency {self.concurrency}" if self.concurrency else "")

    @property
    def most(self) -> float | None:
        """Recipients a second that latency and concurrency allow; ``None`` without latency."""
        return (self.concurrency or 1) * CHUNK / (self.latency / 1000) if self.latency else None

    def takes(self, contender: Contender) -> bool:
        """Whether this contender plays in it."""
        return self.rows <= contender.most_rows and (self.concurrency is None or contender.threads)

    def times(self, contender: Contender) -> int:
        """In how many rounds it plays."""
        return 1 if self.rows >= contender.once_from else self.rounds


SIZES = (
    Scene(10_000, rounds=3),
    Scene(100_000, rounds=3),
    Scene(1_000_000, rounds=2, reruns=True),
    Scene(5_000_000, rounds=1),
)
"""The API answers at once: what a contender itself takes."""

WAITS = (
    Scene(200_000, 0, 4),
    Scene(50_000, 100, 1),
    Scene(200_000, 100, 4),
    Scene(500_000, 100, 16),
    Scene(500_000, 100, 64),
    Scene(80_000, 300, 4),
    Scene(300_000, 300, 16),
)
"""The API takes its time: how much of what it allows is reached. Sizes are so chosen that each takes seconds."""

SHORT = (Scene(2_000, reruns=True), Scene(4_000, 20, 4))
"""That everything runs."""
