# SPDX-License-Identifier: Apache-2.0
"""How a task waits for the hours of a policy: in the triggerer, or by its retries."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.core.exit_policy import ExitDecision, wait_for_retries
from airflow_provider_uspeedo.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

PLACES = ("airflow.providers.standard.triggers.temporal", "airflow.triggers.temporal")
"""Where ``DateTimeTrigger`` is: in a provider that Airflow 3 needs, or in Airflow 2 itself."""
SHORTEST_SLEEP = timedelta(seconds=30)


def time_trigger() -> type[BaseTrigger]:
    """Airflow's own trigger for a time; the time is all that one holds.

    :raises ConfigurationError: this Airflow has none.
    """
    for module in PLACES:
        with suppress(ImportError):
            return import_module(module).DateTimeTrigger  # type: ignore[no-any-return]
    raise ConfigurationError(
        "deferrable=True with hours in the policy needs Airflow's DateTimeTrigger: install "
        "apache-airflow-providers-standard, or set deferrable=False, so that retries wait. Nothing was sent."
    )


def time_to_wake(opens_at: datetime, now: datetime) -> datetime:
    """When a task should go on that waits for a window: not before it opens, and not at once.

    Triggerer, worker and database have clocks of their own. Where one is behind, the window is still closed there when
    the task wakes up, and a task that slept for no time would read its table over and over until then.
    """
    return max(opens_at, now + SHORTEST_SLEEP)


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
