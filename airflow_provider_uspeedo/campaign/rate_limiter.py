# SPDX-License-Identifier: Apache-2.0
"""No more than so many requests a second."""

from __future__ import annotations

import threading
import time


class RateLimiter:
    """Hands out moments that are at least ``1 / requests_per_second`` apart; ``None`` means no limit."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._gap = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, stop: threading.Event) -> None:
        """Waits for this request's moment, or until somebody stops the campaign."""
        if not self._gap:
            return
        with self._lock:
            moment = max(self._next, time.monotonic())
            self._next = moment + self._gap
        stop.wait(max(0.0, moment - time.monotonic()))
