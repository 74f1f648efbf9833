# SPDX-License-Identifier: Apache-2.0
"""The one switch that every thread of a campaign looks at before it does anything that leaves this machine."""

from __future__ import annotations

import threading

from airflow_provider_uspeedo.errors import CampaignHalted


class StopSignal:
    """Stops a campaign: because somebody asked for it, or because of an error. The first reason is kept."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.cause: BaseException | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Somebody wants the task to end. Safe in a signal handler of a thread that does not wait for the event."""
        self.event.set()

    def because(self, cause: BaseException) -> None:
        """Going on makes no sense, or is not safe. What needs a person's decision outdoes every other reason."""
        with self._lock:
            decisive = isinstance(cause, CampaignHalted) and not isinstance(self.cause, CampaignHalted)
            if decisive or (self.cause is None and not self.event.is_set()):
                self.cause = cause
        self.event.set()

    def __bool__(self) -> bool:
        return self.event.is_set()
