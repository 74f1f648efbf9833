# SPDX-License-Identifier: Apache-2.0
"""The time in a storm: real time, and all that was skipped while a process stood still for minutes.

Nothing is made faster, so no rule depends on how fast the machine is: time jumps, for all processes alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from sqlalchemy.engine import Engine

from airflow_provider_uspeedo.api.http import tracked_connection
from airflow_provider_uspeedo.campaign import sending
from airflow_provider_uspeedo.ledger.protocol import resolution, transitions
from airflow_provider_uspeedo.ledger.store import records

SQLITE_NOW = "%Y-%m-%d %H:%M:%f000"
FROZEN = 600.0
"""Seconds that are skipped while a process is frozen: more than ``resolve`` waits."""
STALE = resolution.MAY_STILL_ARRIVE.total_seconds()
"""Seconds after its mark from which a request is taken for dead."""


class StormClock:
    """The clock of one storm."""

    def __init__(self) -> None:
        self._skipped = 0.0

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic() + self._skipped

    def utc_now(self) -> datetime:
        return records.utc_now() + timedelta(seconds=self._skipped)

    def skip(self, seconds: float) -> None:
        self._skipped += seconds

    @contextmanager
    def set_for_all(self) -> Iterator[None]:
        """The package looks at this clock, wherever it decides by the time since a mark."""
        with ExitStack() as patches:
            for module in (tracked_connection, sending):
                patches.enter_context(patch.object(module, "elapsed", self.now))
            for module in (transitions, resolution):
                patches.enter_context(patch.object(module, "utc_now", self.utc_now))
            event.listen(Engine, "before_cursor_execute", self._on_statement, retval=True)
            patches.callback(event.remove, Engine, "before_cursor_execute", self._on_statement)
            yield

    def _on_statement(self, _c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> Any:
        """The databases' clocks jump as well: they say when a request was marked."""
        seconds = int(self._skipped)
        if seconds:
            statement = statement.replace("clock_timestamp()", f"(clock_timestamp() + INTERVAL '{seconds} seconds')")
            statement = statement.replace("UTC_TIMESTAMP(6)", f"(UTC_TIMESTAMP(6) + INTERVAL {seconds} SECOND)")
            statement = statement.replace(f"'{SQLITE_NOW}', 'now'", f"'{SQLITE_NOW}', 'now', '+{seconds} seconds'")
        return statement, parameters
