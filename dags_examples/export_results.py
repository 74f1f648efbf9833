# SPDX-License-Identifier: Apache-2.0
"""Text the people of a table, and put what became of each row into a data lake, without their phones.

The file has one row for each row of the table. It is written to any storage that Airflow can open, appears when it is
complete, and is the same file again when the task runs again.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_uspeedo.operators.export import ExportSMSResultsOperator
from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

log = logging.getLogger(__name__)

with DAG(
    dag_id="export_results",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "table": Param("s3://lake/due/", type="string", minLength=1, title="Table"),
        "campaign": Param("due invoices", type="string", minLength=1, title="Campaign"),
        "template_id": Param("UTA_REMINDER", type="string", minLength=1, title="Template"),
        "ledger": Param(
            None,
            type=["null", "string"],
            title="Connection of the ledger",
            description_md="Empty: the setting `[uspeedo] results_conn_id`, then a file on this machine.",
        ),
        "file": Param("s3://lake/sms/due.parquet", type="string", pattern=r"\.parquet$", title="File of the results"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_export_results]
    # The default campaign_id contains the task's id, so tasks that are about one campaign must name it.
    CAMPAIGN = "{{ params.campaign }}"

    send = SendBatchSMSOperator(
        task_id="send",
        recipients="{{ params.table }}",
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        user_id_column="customer",
        campaign_id=CAMPAIGN,
        results_conn_id="{{ params.ledger }}",
        retries=2,
        retry_delay=timedelta(minutes=10),
    )

    export = ExportSMSResultsOperator(
        task_id="export",
        campaign_id=CAMPAIGN,
        path="{{ params.file }}",
        # The same phone has the same hash in every export of this ledger.
        phones="hashed",
        results_conn_id="{{ params.ledger }}",
        retries=2,
        retry_delay=timedelta(minutes=10),
        # Also after a campaign that failed: the file says which rows were not sent, and why.
        trigger_rule="all_done",
    )

    @task
    def report(file: dict[str, Any]) -> str:
        """Says what is in the file."""
        text = f"{file['accepted']:,} of {file['rows']:,} rows were accepted."
        log.info("%s See %s.", text, file["path"])
        return text

    send >> export
    report(export.output)
    # [END howto_operator_export_results]
