# SPDX-License-Identifier: Apache-2.0
"""How a task waits for the hours of a policy: in the triggerer, or by its retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_uspeedo.core.exit_policy import ExitDecision, wait_for_retries

MIN_SLEEP = timedelta(seconds=30)


def time_to_wake(opens_at: datetime, now: datetime) -> datetime:
    """When a task should go on that waits for a window: not before it opens, and not at once.

    Triggerer, worker and database have clocks of their own. Where one is behind, the window is still closed there when
    the task wakes up, and a task that slept for no time would read its table over and over until then.
    """
    return max(opens_at, now + MIN_SLEEP)


def retried(operator: Any, task_instance: Any, decision: ExitDecision) -> ExitDecision:
    """The failure of a task that waits by its retries, which says whether they reach the time."""
    used = task_instance.try_number - 1
    return wait_for_retries(
        decision,
        now=datetime.now(UTC),
        retries=getattr(task_instance, "max_tries", None) or operator.retries or 0,
        used=used,
        retry_delay=operator.retry_delay,
    )
