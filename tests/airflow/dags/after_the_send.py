# SPDX-License-Identifier: Apache-2.0
"""A DAG whose tasks all use one ledger: a function's table is sent, its failure is told, and receipts settle it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_uspeedo.notifications.sms import USpeedoNotifier
from airflow_provider_uspeedo.operators.export import ExportSMSResultsOperator
from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator

try:
    from airflow_provider_uspeedo.operators.resolve import ResolveUnknownOperator
except ImportError:  # Airflow 2.11 and 3.0
    ResolveUnknownOperator = None

with DAG("after_the_send", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    campaign: dict[str, Any] = {"campaign_id": "{{ dag_run.conf['campaign'] }}", "results_conn_id": "server"}
    on_call = USpeedoNotifier(
        to=[f"+861391{12}{57}{317}"],  # not as one text: Airflow keeps the source of a DAG file in its database
        template_id="UTA_REMINDER",
        template_params=["{{ ti.task_id }}", "{{ ti.try_number }}"],
        results_conn_id="server",
    )

    @task.send_batch_sms(
        template_id="UTA_REMINDER",
        param_columns=["name", "amount"],
        user_id_column="customer",
        on_failure_callback=on_call,
        **campaign,
    )
    def send(table: str) -> str:
        """The path of a table."""
        return table

    receipts = CollectSMSReceiptsOperator(task_id="receipts", first_after=1, trigger_rule="all_done", **campaign)
    export = ExportSMSResultsOperator(task_id="export", path="{{ dag_run.conf['file'] }}", phones="hashed", **campaign)
    send("{{ dag_run.conf['table'] }}") >> receipts >> export
    if ResolveUnknownOperator is not None:
        receipts >> ResolveUnknownOperator(task_id="resolve", **campaign)
