# SPDX-License-Identifier: Apache-2.0
"""Which of the many combinations of a slow test are played: a sample that is the same in every run, or all of them.

``make slow`` plays the sample, ``make slow SLOW=all`` everything. Single crashes are never sampled: one in every gap of
a try, in three settings, is played each time. What is sampled combines such a crash with a second event: another crash,
a fault of the vendor, another try. A mistake in the order of claiming, marking, sending and recording leaves a wrong
state behind, and that state comes back in hundreds of combinations, so one in four finds it. The whole run is for a
mistake that only a handful of combinations show: when that order itself has changed, and before a release.

Inputs that chance draws, such as damaged answers, are sampled, too. So is on PostgreSQL and MariaDB where a mark that
judges is killed after every statement: SQLite plays all of its stories, each server three of them and a quarter of the
others, not the same quarter.

``PART=2/3`` of a command plays the second of three parts of its tests. ``.ci/run`` does so where tests are slow, or
repeat others on another driver or another Airflow: one part for each commit, and another one for the next.
"""

from __future__ import annotations

import os
import random
import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def is_whole() -> bool:
    """True if nothing is left out."""
    return os.environ.get("USPEEDO_SLOW") == "all"


def sampled(items: Sequence[T], share: int, name: str) -> list[T]:
    """One in ``share`` of the items, in their order, at least one; all of them in a whole run.

    :param name: draws the sample: another name, another one, and the same name always the same one.
    """
    if is_whole():
        return list(items)
    number = -(-len(items) // share)
    return [items[index] for index in sorted(random.Random(name).sample(range(len(items)), number))]


def is_in_part(name: str, part: str) -> bool:
    """Whether a test falls to a part of all: ``1/3``, ``2/3`` and ``3/3`` have no test in common and leave none out.

    :param name: of the test.
    """
    number, parts = (int(text) for text in part.split("/"))
    if not 1 <= number <= parts:
        raise ValueError(f"There is no part {number} of {parts}.")
    return zlib.crc32(name.encode()) % parts == number - 1
