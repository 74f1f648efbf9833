# SPDX-License-Identifier: Apache-2.0
"""Says every now and then how far an attempt is. It looks at counters by the clock; sending does not wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.core.statuses import Status

log = logging.getLogger(__name__)

FIRST_AFTER = 10.0
"""Seconds until the first line: a short campaign has none."""
MAX_PAUSE = 60.0
"""Seconds between two lines, at most: they become as rare as the campaign is long."""
_SAID = (Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN)
_MINUTE, _HOUR = 60, 3600


class Progress:
    """How far one attempt is; a context in which a thread of its own logs it.

    :param rows: of the table; ``None`` if they are not known before it was read.
    :param guards: know the answers so far.
    :param clock: seconds.
    """

    def __init__(self, rows: int | None, guards: Guards, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._guards = guards
        self._clock = clock
        self._began = self._last_at = clock()
        self._last_answered = 0
        self._claimed = self._read_to = 0
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._tell, name="uspeedo-progress", daemon=True)

    def __enter__(self) -> Self:
        self._began = self._last_at = self._clock()
        self._teller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._teller.join()

    def claimed(self, read_to: int, recipients: int) -> None:
        """Notes one more portion.

        :param read_to: the number of its last row.
        :param recipients: those of it that are to be sent to.
        """
        self._claimed += recipients
        self._read_to = read_to

    def line(self) -> str:
        """How far it is now, at which pace since the last line, and how long it will take."""
        counts, now = self._guards.counts(), self._clock()
        answered = sum(counts.values())
        done = max(self._read_to - self._claimed + answered, 0)
        rate = (answered - self._last_answered) / max(now - self._last_at, 0.001)
        self._last_at, self._last_answered = now, answered
        of, left = "", ""
        if self._rows is not None:
            rows_left = max(self._rows - done, 0)
            of = f" of {self._rows:,}"
            left = f", {rows_left:,} left"
            if done and rows_left:
                left += f": about {_duration(rows_left * (now - self._began) / done)}"
        said = ", ".join(f"{counts[status]:,} {status}" for status in _SAID if counts[status]) or "no answer yet"
        return f"{done:,}{of} rows done{left}. Sent so far: {said}; {rate:,.0f} recipients a second."

    def _tell(self) -> None:
        pause = FIRST_AFTER
        while not self._over.wait(pause):
            log.info("%s", self.line())
            pause = min(max(FIRST_AFTER, (self._clock() - self._began) / 10), MAX_PAUSE)


def _duration(seconds: float) -> str:
    """In the unit that one would say it in."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
