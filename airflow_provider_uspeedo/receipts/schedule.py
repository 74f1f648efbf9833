# SPDX-License-Identifier: Apache-2.0
"""When receipts are asked for: pure, from the times in the ledger alone, so that a retry restarts nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MIN_WAIT = timedelta(seconds=1)
MAX_WAIT = timedelta(hours=1)
"""Between two queries."""
GROWTH = 0.5
"""The wait after a query, as a share of the time since the messages were sent."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of one collection.

    :param since: when the last request was answered, aware.
    """

    since: datetime
    first_after: timedelta
    deadline: timedelta

    @property
    def end(self) -> datetime:
        """When the collection ends; receipts are asked for once more then."""
        return self.since + self.deadline

    def first(self, now: datetime) -> datetime:
        """When receipts may first be asked for; never more than ``first_after`` from now, even if a clock is wrong."""
        return min(self.since, now) + self.first_after

    def following(self, now: datetime) -> datetime:
        """When to ask again after a query that ends now.

        >>> from datetime import UTC
        >>> sent = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        >>> schedule = Schedule(sent, timedelta(minutes=5), timedelta(hours=12))
        >>> [str(schedule.following(sent + timedelta(minutes=m)).time()) for m in (5, 20, 600)]
        ['09:07:30', '09:30:00', '20:00:00']
        """
        wait = min(max((now - self.since) * GROWTH, MIN_WAIT), MAX_WAIT)
        return max(min(now + wait, self.end), now)

    def is_over(self, now: datetime) -> bool:
        """Whether the deadline has passed."""
        return now >= self.end
