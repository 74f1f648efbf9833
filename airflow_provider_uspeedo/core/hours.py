# SPDX-License-Identifier: Apache-2.0
"""When windows of hours are open on the clocks of one or more time zones, and when that changes next.

A window is open at a moment if the clock on the wall shows a time of day in it: from ``opens`` on, until before
``closes``. So nothing has to be defined for the days on which clocks are changed:

- a time of day that is skipped opens and closes nothing; a window that would open then opens with the change,
- a time of day that comes twice is in a window twice, and a window may close and open again with the change,
- a date that is skipped (at the date line) has no hours.

Moments are whole seconds of UTC since 1970: changes of clocks, and edges of windows, fall on whole seconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

from airflow_provider_uspeedo.core.contact_rules import Window
from airflow_provider_uspeedo.core.time_zones import zone

DAY = 86_400
PROBE = 3_600
"""Seconds in which a zone's clock is changed once at most."""
HORIZON = timedelta(days=400)
"""How far ahead is searched: every day of a year, with and without summer time."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether all windows are open at a moment, and how long that stays so.

    :param is_open: all windows are open in all zones.
    :param since: the moment that was asked for.
    :param until: the first later moment at which it is no longer so; ``None``: it does not change within ``HORIZON``.
    """

    is_open: bool
    since: datetime
    until: datetime | None

    def holds(self, moment: datetime) -> bool:
        """True of a moment at which it is so, as far as was searched."""
        return self.since <= moment < (self.until or self.since + HORIZON / 2)


def opening(windows: Sequence[Window], zones: Sequence[str], moment: datetime) -> Opening:
    """Whether all of the windows are open at the moment in all of the zones, and until when.

    :param zones: names that :func:`.time_zones.is_zone` accepts, at least one.
    :param moment: with a time zone.
    """
    clocks = [_Clock.of(zone(name), window) for name, window in product(zones, windows)]
    now = int(moment.timestamp() // 1)
    end = now + int(HORIZON.total_seconds())
    if all(clock.is_open(now) for clock in clocks):
        changes = (clock.next_change(now, end) for clock in clocks)
        until = min((change for change in changes if change is not None), default=None)
        return Opening(True, moment, _utc(until))
    return Opening(False, moment, _utc(_next_common(clocks, now, end)))


def _next_common(clocks: Sequence[_Clock], now: int, end: int) -> int | None:
    """The first moment after ``now`` at which all are open; none of those that are passed over can be it."""
    while now < end:
        closed = [clock for clock in clocks if not clock.is_open(now)]
        if not closed:
            return now
        openings = [clock.next_change(now, end) for clock in closed]
        if None in openings:
            return None
        now = max(change for change in openings if change is not None)
    return None


def _utc(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


@dataclass(frozen=True, slots=True)
class _Clock:
    """A window on the clock of one zone.

    :param opens: seconds of the day; the same as ``closes``: it is always open.
    """

    zone: ZoneInfo
    opens: int
    closes: int

    @classmethod
    def of(cls, where: ZoneInfo, window: Window) -> _Clock:
        return cls(where, _second_of_day(window.opens), _second_of_day(window.closes))

    def is_open(self, now: int) -> bool:
        """Whether the clock shows a time of day in the window."""
        shown = (now + _offset(self.zone, now)) % DAY
        if self.opens < self.closes:
            return self.opens <= shown < self.closes
        return shown >= self.opens or shown < self.closes

    def next_change(self, now: int, end: int) -> int | None:
        """The first moment after ``now`` at which the window opens, if it is closed, or closes, if it is open."""
        was_open = self.is_open(now)
        edge = self.closes if was_open else self.opens
        while now < end and self.opens != self.closes:
            change = now + (edge - now - _offset(self.zone, now)) % DAY
            clock_change = _clock_change(self.zone, now, change)
            if clock_change is None:
                return change
            now = clock_change
            if self.is_open(now) != was_open:
                return now
        return None


def _clock_change(where: ZoneInfo, after: int, until: int) -> int | None:
    """The first moment after ``after``, and not after ``until``, at which the zone's offset from UTC is another."""
    before, low = _offset(where, after), after
    for high in _probes(after, until):
        if _offset(where, high) != before:
            between = range(low + 1, high + 1)
            return between[bisect_left(between, True, key=lambda moment: _offset(where, moment) != before)]
        low = high
    return None


def _probes(after: int, until: int) -> Iterator[int]:
    """On the full hours: the same moments for all edges of windows, so that offsets are looked up once."""
    yield from range(after - after % PROBE + PROBE, until, PROBE)
    yield until


@lru_cache(maxsize=16_384)
def _offset(where: ZoneInfo, seconds: int) -> int:
    """Seconds that the clock of the zone is ahead of UTC."""
    offset = datetime.fromtimestamp(seconds, where).utcoffset() or timedelta()
    return int(offset.total_seconds())


def _second_of_day(given: time) -> int:
    return given.hour * 3_600 + given.minute * 60 + given.second
