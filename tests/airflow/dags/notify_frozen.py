# SPDX-License-Identifier: Apache-2.0
"""A DAG with a task that freezes its own worker, so that Airflow takes it for dead, and one that just fails."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from typing import Any

import airflow
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_uspeedo.notifications.sms import USpeedoNotifier


def notifier(*about: str) -> Any:
    return USpeedoNotifier(to="{{ var.value.on_call }}", template_id="UTA_REMINDER", template_params=about)


with DAG(
    "notify_frozen",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"on_failure_callback": notifier("{{ ti.task_id }}", "{{ ti.try_number }}")},
    on_failure_callback=notifier("{{ dag.dag_id }}", "{{ run_id }}"),
):

    @task
    def freezes() -> None:
        """Stops the process that reports that this one is alive."""
        if airflow.__version__.startswith("2."):  # on SQLite its scheduler itself waits for the task
            raise KeyError
        os.kill(os.getppid(), signal.SIGSTOP)
        time.sleep(600)

    @task
    def fails() -> None:
        """In its worker."""
        raise KeyError

    freezes()
    fails()
