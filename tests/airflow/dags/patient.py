# SPDX-License-Identifier: Apache-2.0
"""A DAG that texts the table, in requests of the size, that its run is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

with DAG("patient", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    SendBatchSMSOperator(
        task_id="send",
        recipients="{{ dag_run.conf['table'] }}",
        template_id="UTA_PLAIN",
        campaign_id="patient {{ dag_run.conf['table'] }}",
        chunk_size="{{ dag_run.conf['chunk_size'] }}",
        concurrency=1,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
