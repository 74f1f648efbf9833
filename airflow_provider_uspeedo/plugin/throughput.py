# SPDX-License-Identifier: Apache-2.0
"""How many messages were sent when: the numbers of a chart and of the table beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.campaign_counts import CountedMoment

MAX_POINTS = 120
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
"""Seconds between two points."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Messages by the time at which they were given to the network.

    :param step: seconds that each point covers.
    :param points: time and messages by status; a time without any is there, too.
    """

    step: int
    points: tuple[tuple[datetime, Mapping[str, int]], ...]


def throughput_of(moments: Sequence[CountedMoment]) -> Throughput | None:
    """The points of a chart; ``None`` if nothing was sent."""
    if not moments:
        return None
    first, last = (int(moment.at.timestamp()) for moment in (moments[0], moments[-1]))
    step = next((step for step in STEPS if (last - first) // step < MAX_POINTS), 0)
    step = step or -(-(last - first + 1) // MAX_POINTS)
    begin = first - first % step
    counts: dict[int, Counter[str]] = {}
    for moment in moments:
        at = int(moment.at.timestamp())
        counts.setdefault((at - begin) // step, Counter()).update(moment.statuses)
    places = range(max(counts) + 1)
    return Throughput(
        step,
        tuple((datetime.fromtimestamp(begin + place * step, UTC), dict(counts.get(place, {}))) for place in places),
    )
