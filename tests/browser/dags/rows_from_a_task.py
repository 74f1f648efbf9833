# SPDX-License-Identifier: Apache-2.0
"""Rows themselves as an argument: what Airflow's pages must not show."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

with DAG(
    dag_id="rows_from_a_task",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"campaign": Param("rows from a task", type="string")},
) as dag:

    @task
    def choose() -> list[dict[str, str]]:
        return [{"phone": f"+852 5531 {number}", "name": "Grace", "amount": "7.00"} for number in range(1111, 1114)]

    SendBatchSMSOperator(
        task_id="send",
        recipients=choose(),
        template_id="UTA_REMINDER",
        param_columns=["name", "amount"],
        campaign_id="{{ params.campaign }}",
    )
