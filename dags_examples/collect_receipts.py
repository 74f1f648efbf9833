# SPDX-License-Identifier: Apache-2.0
"""Text the people of a table, wait for the carriers' receipts, and report how many messages arrived.

Both tasks name one campaign. The second one asks for receipts for up to twelve hours, at growing intervals, and needs
no worker while it waits.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator
from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

log = logging.getLogger(__name__)

with DAG(
    dag_id="collect_receipts",
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
        "first_after": Param(300, type="integer", minimum=0, title="Seconds until receipts are first asked for"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_collect_receipts]
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

    receipts = CollectSMSReceiptsOperator(
        task_id="receipts",
        campaign_id=CAMPAIGN,
        results_conn_id="{{ params.ledger }}",
        first_after="{{ params.first_after }}",
        # The last few receipts of a campaign may never come: 98 % of them are enough.
        until=0.98,
        retries=2,
        retry_delay=timedelta(minutes=10),
        # Also after messages without an answer: a receipt may settle what became of them.
        trigger_rule="all_done",
    )

    @task
    def report(totals: dict[str, Any]) -> str:
        """Says how many messages arrived."""
        text = f"{totals['success']:,} of {totals['messages']:,} messages arrived; {totals['pending']:,} are pending."
        log.info("%s", text)
        return text

    send >> receipts
    report(receipts.output)
    # [END howto_operator_collect_receipts]
