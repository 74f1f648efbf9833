# SPDX-License-Identifier: Apache-2.0
"""A DAG that collects the receipts of the campaign it is given, and sleeps until it may ask."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator

with DAG("collecting", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    CollectSMSReceiptsOperator(
        task_id="collect",
        campaign_id="{{ dag_run.conf['campaign'] }}",
        first_after="{{ dag_run.conf['seconds'] }}",
        results_conn_id="ledger",
        deferrable=True,
    )
