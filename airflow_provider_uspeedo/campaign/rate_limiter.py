# SPDX-License-Identifier: Apache-2.0
"""Limits the requests per second."""

from __future__ import annotations

import threading
import time


class RateLimiter:
    """Spaces requests at least ``1 / requests_per_second`` seconds apart; ``None`` means no limit."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._gap = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Waits for the next request's time, or until the campaign is stopped."""
        if not self._gap:
            return
        with self._lock:
            moment = max(self._next, time.monotonic())
            self._next = moment + self._gap
        stop.wait(max(0.0, moment - time.monotonic()))
