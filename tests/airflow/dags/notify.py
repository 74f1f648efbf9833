# SPDX-License-Identifier: Apache-2.0
"""A DAG whose tasks and run end in every way, with a notifier for each of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, task

from airflow_provider_uspeedo.notifications.sms import USpeedoNotifier


def notifier(number: int, **more: Any) -> USpeedoNotifier:
    """One that texts a number of its own with what it is about."""
    about = ["{{ ti.task_id }} {{ ti.map_index }}", "{{ ti.try_number }}"]
    given = {"template_id": "UTA_REMINDER", "template_params": about, "results_conn_id": "ledger", **more}
    phone = f"+861390{number:02}{57}{316}"  # not as one text: Airflow keeps the source of a DAG file in its database
    return USpeedoNotifier(to=[phone], **given)


for_all = notifier(1)
with DAG(
    "notify",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"on_failure_callback": for_all, "retry_delay": timedelta(0)},
    on_failure_callback=notifier(2, template_params=["{{ dag.dag_id }}", "{{ run_id }}"]),
    on_success_callback=notifier(3, template_params=["{{ dag.dag_id }}", "{{ run_id }}"]),
    render_template_as_native_obj=True,
):

    @task
    def fails() -> None:
        """By the callback of ``default_args``."""
        raise KeyError("a task's own failure")

    @task
    def fails_too(number: int) -> None:
        """Mapped, by the same one."""
        raise ValueError(number)

    @task(on_failure_callback=[notifier(4), notifier(5, template_id="UTA_PLAIN", template_params=[])])
    def tells_two() -> None:
        """Two notifiers of one event."""
        raise KeyError

    @task(on_retry_callback=notifier(6), retries=1)
    def retries(ti: Any = None) -> None:
        """Succeeds at last."""
        if ti.try_number == 1:
            raise KeyError

    @task(on_success_callback=notifier(7), on_execute_callback=notifier(8))
    def succeeds() -> None:
        """Tells of its beginning and its end."""

    @task(on_skipped_callback=notifier(9))
    def skips() -> None:
        """Has nothing to do."""
        raise AirflowSkipException

    @task(on_failure_callback=notifier(10, uspeedo_conn_id="nowhere"))
    def has_no_connection() -> None:
        """Fails twice, one might say."""
        raise KeyError("the task's own failure is what is seen")

    fails()
    fails_too.expand(number=[1, 2])
    tells_two()
    retries()
    succeeds()
    skips()
    has_no_connection()
