# SPDX-License-Identifier: Apache-2.0
"""Text the people that a query chooses, from any database that Airflow has a connection to.

The first task pins them: it copies the chosen rows into a table of the day, once. So a retry of the second reads the
same rows, whatever has changed in the warehouse meanwhile.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

with DAG(
    dag_id="send_from_query",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "warehouse": Param("warehouse", type="string", minLength=1, title="Connection of the database"),
        "template_id": Param("UTA20212831C85C", type="string", minLength=1, title="Template"),
        "dry_run": Param(False, type="boolean", title="Dry run"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_send_from_query]
    pin = SQLExecuteQueryOperator(
        task_id="pin",
        conn_id="{{ params.warehouse }}",
        # If this runs again, the rows stay those of the first time.
        sql="""
            CREATE TABLE IF NOT EXISTS due_{{ ds_nodash }} AS
            SELECT customer, phone, name, amount FROM invoices WHERE due_on = '{{ ds }}' AND paid_on IS NULL
        """,
        autocommit=True,
    )

    send = SendBatchSMSOperator(
        task_id="send",
        sql="SELECT customer, phone, name, amount FROM due_{{ ds_nodash }} ORDER BY customer",
        sql_conn_id="{{ params.warehouse }}",
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        user_id_column="customer",
        campaign_id="due invoices {{ ds }}",
        dry_run="{{ params.dry_run }}",
        # Safe: a retry sends only what surely reached nobody. It also waits for a warehouse that is away.
        retries=2,
        retry_delay=timedelta(minutes=10),
    )

    pin >> send
    # [END howto_operator_send_from_query]
