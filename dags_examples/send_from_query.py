# SPDX-License-Identifier: Apache-2.0
"""Text the people that a query chooses, from any database that Airflow has a connection to.

A run is about one day: its date, or the day on which it was triggered. The first task pins the people: it copies the
chosen rows into a table of the day, once. So a retry of the second reads the same rows, whatever has changed in the
warehouse meanwhile.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

with DAG(
    dag_id="send_from_query",
    # A schedule sends what the form's own values say: replace them first, then write "@daily".
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "warehouse": Param("warehouse", type="string", minLength=1, title="Connection of the database"),
        "template_id": Param("UTA_REMINDER", type="string", minLength=1, title="Template"),
        "dry_run": Param(False, type="boolean", title="Dry run"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_send_from_query]
    # {{ ds }} is not there for a run that was triggered without a date: it has the day on which it was triggered.
    DATE = "(logical_date | default(dag_run.run_after, true)) | ds"
    DAY = "{{ " + DATE + " }}"
    PINNED = "due_{{ " + DATE + " | replace('-', '') }}"

    pin = SQLExecuteQueryOperator(
        task_id="pin",
        conn_id="{{ params.warehouse }}",
        # If this runs again, the rows stay those of the first time.
        sql=f"""
            CREATE TABLE IF NOT EXISTS {PINNED} AS
            SELECT customer, phone, name, amount FROM invoices WHERE due_on = '{DAY}' AND paid_on IS NULL
        """,  # noqa: S608 - nothing but a date
        autocommit=True,
    )

    send = SendBatchSMSOperator(
        task_id="send",
        sql=f"SELECT customer, phone, name, amount FROM {PINNED} ORDER BY customer",  # noqa: S608
        sql_conn_id="{{ params.warehouse }}",
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        user_id_column="customer",
        campaign_id=f"due invoices {DAY}",
        dry_run="{{ params.dry_run }}",
        # Safe: a retry sends only what surely reached nobody. It also waits for a warehouse that is away.
        retries=2,
        retry_delay=timedelta(minutes=10),
    )

    pin >> send
    # [END howto_operator_send_from_query]
