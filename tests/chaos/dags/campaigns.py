# SPDX-License-Identifier: Apache-2.0
"""DAGs that text the table, in the campaign, by the ledger and through the connection that their run is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator, slices

START = datetime(2026, 1, 1, tzinfo=UTC)
SEND: dict[str, Any] = {
    "task_id": "send",
    "recipients": "{{ dag_run.conf['table'] }}",
    "campaign_id": "{{ dag_run.conf['campaign'] }}",
    "results_conn_id": "{{ dag_run.conf['ledger'] }}",
    "uspeedo_conn_id": "{{ dag_run.conf['vendor'] }}",
    "template_id_column": "template",
    "param_columns": ["name"],
    "chunk_size": "{{ dag_run.conf['chunk_size'] }}",
    "concurrency": "{{ dag_run.conf['concurrency'] }}",
    "retries": 3,
    "retry_delay": timedelta(0),
}

with DAG("whole", schedule=None, start_date=START):
    SendBatchSMSOperator(**SEND)

# Its days are over, so that only a backfill makes runs of it.
with DAG("daily", schedule="@daily", start_date=START, end_date=START + timedelta(days=9), catchup=False):
    SendBatchSMSOperator(**SEND)

with DAG("sliced", schedule=None, start_date=START):
    SendBatchSMSOperator.partial(**SEND | {"retries": 2}).expand(slice=slices(4))
