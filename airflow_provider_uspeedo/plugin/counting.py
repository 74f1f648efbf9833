# SPDX-License-Identifier: Apache-2.0
"""Counts of campaigns, made in the background and kept for a while: no request waits for millions of rows."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from airflow_provider_uspeedo.plugin.daemon_threads import DaemonThreads

WAIT_SECONDS = 0.2
"""A page waits for so long: small campaigns are counted within it."""
FRESH_SECONDS = 3.0
FRESH_FACTOR = 20
"""A count that took long stays fresh so many times as long: little of the time goes into counting."""
MAX_FRESH_SECONDS = 900.0
MAX_KEPT = 200

T = TypeVar("T")
"""What a count gives."""


@dataclass(frozen=True, slots=True)
class KeptCounts(Generic[T]):
    """What is known of a campaign's rows.

    :param counts: ``None``: they have not been counted yet.
    :param counted_at: when the count began.
    :param is_counting: newer ones are being made.
    :param error: why the last count failed; ``None``: it did not.
    """

    counts: T | None = None
    counted_at: datetime | None = None
    is_counting: bool = False
    error: Exception | None = None


@dataclass(slots=True)
class _Entry(Generic[T]):
    kept: KeptCounts[T]
    fresh_until: float = 0.0
    running: Future[None] | None = None
    is_stale: bool = False


class BackgroundCounts(Generic[T]):
    """Counts by campaign; at most two are counted at a time.

    :param fresh_seconds: how long a count stays fresh; ``None``: the longer, the longer it took.
    """

    def __init__(self, *, wait_seconds: float = WAIT_SECONDS, fresh_seconds: float | None = None) -> None:
        self._wait, self._fresh = wait_seconds, fresh_seconds
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()
        self._threads = DaemonThreads(2, "uspeedo-count")

    def get(self, key: Hashable, count: Callable[[Callable[[T], None]], T]) -> KeptCounts[T]:
        """What is known; begins to count where that is old, and waits for it for a moment.

        :param count: counts; it is given a function that it calls with what it has so far, as long as nothing is known.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry(KeptCounts()))
            self._entries.move_to_end(key)
            self._forget_some()
            if entry.running is None and (entry.is_stale or time.monotonic() >= entry.fresh_until):
                entry.is_stale = False
                entry.running = self._threads.submit(self._count, entry, count)
            running = entry.running
        if running is not None:
            wait_for([running], self._wait)
        with self._lock:
            kept = entry.kept
            return KeptCounts(kept.counts, kept.counted_at, entry.running is not None, kept.error)

    def is_changed(self, key: Hashable) -> None:
        """A decision was recorded: what was counted before is old."""
        with self._lock:
            if key in self._entries:
                self._entries[key].is_stale = True

    def _count(self, entry: _Entry[T], count: Callable[[Callable[[T], None]], T]) -> None:
        began, at = time.monotonic(), datetime.now(UTC)
        had_all = entry.kept.counts is not None

        def report(part: T) -> None:
            if not had_all:
                with self._lock:
                    entry.kept = KeptCounts(part, at)

        try:
            made = KeptCounts(count(report), at)
        except Exception as error:  # noqa: BLE001 - the page says what it was
            made = KeptCounts(entry.kept.counts, entry.kept.counted_at, error=error)
        with self._lock:
            took = time.monotonic() - began
            entry.kept, entry.running = made, None
            by_cost = min(FRESH_SECONDS + FRESH_FACTOR * took, MAX_FRESH_SECONDS)
            entry.fresh_until = time.monotonic() + (by_cost if self._fresh is None else self._fresh)

    def _forget_some(self) -> None:
        for key in list(self._entries):
            if len(self._entries) <= MAX_KEPT:
                return
            if self._entries[key].running is None:
                del self._entries[key]
