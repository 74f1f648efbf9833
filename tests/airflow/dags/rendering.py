# SPDX-License-Identifier: Apache-2.0
"""A DAG that renders templates as native objects: a task, a mapped one, and ``execute()`` inside a ``@task``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, get_current_context, task

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

COMMON: dict[str, Any] = {
    "recipients": os.environ.get("RENDERING", "/nowhere") + "/people.parquet",
    "template_id": "UTA_REMINDER",
    "param_columns": ["name", "amount"],
    "results_conn_id": "ledger",
}

with DAG(
    "rendering", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=True
) as dag:

    @task
    def names() -> list[str]:
        """Names that are numbers in Python, as the output of a task."""
        return ["3_0", "4_0"]

    SendBatchSMSOperator(task_id="plain", **{**COMMON, "campaign_id": "{{ '2026_11_22' }}", "sender_id": "{{ '1e3' }}"})
    SendBatchSMSOperator.partial(task_id="mapped", **COMMON).expand(campaign_id=["{{ '1_0' }}", "{{ '2_0' }}"])
    SendBatchSMSOperator.partial(task_id="mapped_over_a_task", **COMMON).expand(campaign_id=names())

    @task
    def inside() -> None:
        """What a DAG author tries who needs a value of Python in an argument."""
        SendBatchSMSOperator(task_id="inner", **COMMON).execute(get_current_context())

    inside()
