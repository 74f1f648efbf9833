# SPDX-License-Identifier: Apache-2.0
"""A DAG that texts the table it is given in the hours that it is given, and sleeps until they come."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

with DAG("hours", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    SendBatchSMSOperator(
        task_id="send",
        recipients="{{ dag_run.conf['table'] }}",
        template_id="UTA_PLAIN",
        campaign_id="hours {{ dag_run.conf['table'] }}",
        policy={"hours": ["{{ dag_run.conf['opens'] }}", "{{ dag_run.conf['closes'] }}"], "time_zone_column": "zone"},
        deferrable=True,
    )
