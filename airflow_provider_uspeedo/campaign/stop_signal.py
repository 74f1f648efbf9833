# SPDX-License-Identifier: Apache-2.0
"""The stop signal, which every thread of a campaign checks before it sends anything."""

from __future__ import annotations

import threading

from airflow_provider_uspeedo.errors import CampaignHalted


class StopSignal:
    """Stops a campaign on request or because of an error. The first reason is kept."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.cause: BaseException | None = None
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Stops on request. Safe in a signal handler of a thread that does not wait for the event."""
        self.event.set()

    def stop_for(self, cause: BaseException) -> None:
        """Stops because of an error. One that needs a decision replaces every other reason."""
        with self._lock:
            decisive = isinstance(cause, CampaignHalted) and not isinstance(self.cause, CampaignHalted)
            if decisive or (self.cause is None and not self.event.is_set()):
                self.cause = cause
        self.event.set()

    def __bool__(self) -> bool:
        return self.event.is_set()
