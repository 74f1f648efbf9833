# SPDX-License-Identifier: Apache-2.0
"""Notifiers, and what Airflow calls them with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow_provider_uspeedo.notifications.sms import USpeedoNotifier
from tests.airflow.running import Instance

Context = dict[str, Any]
ABOUT: dict[str, Any] = {
    "template_id": "UTA_REMINDER",
    "template_params": ["{{ ti.task_id }}", "{{ ti.try_number }}"],
    "results_conn_id": "ledger",
}


def notifier(*to: str, **more: Any) -> USpeedoNotifier:
    return USpeedoNotifier(**{**ABOUT, "to": list(to), **more})


def context_of(
    *notifiers: Any, kind: str = "on_failure_callback", native: bool = False, state: str | None = None, **about: Any
) -> Context:
    """What Airflow calls them with."""
    from airflow.providers.common.compat.sdk import DAG, BaseOperator

    with DAG(
        "a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=native
    ) as dag:
        task = BaseOperator(task_id="charge", **{kind: list(notifiers)})
    instance: Any = Instance(**{"task_id": "charge", **about})
    instance.state, instance.max_tries = state, 1
    return {"dag": dag, "task": task, "ti": instance, "run_id": instance.run_id, "params": {}}


def fail(one: Any, **about: Any) -> None:
    """The task's failure, as the notifier is told of it."""
    one(context_of(one, **about))
