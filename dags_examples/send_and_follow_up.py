# SPDX-License-Identifier: Apache-2.0
"""Send, and follow up: ask a person about what is unknown, send again what surely did not leave, collect the receipts.

Every task names the same campaign, so nobody is sent to twice. If every answer of the API arrived, *resolve* and
*send_again* are skipped. The run succeeds only if everything was sent and nothing is unknown. Airflow before 3.1 cannot
ask a person: there, resolve with the command `airflow-uspeedo resolve`, and clear *send*.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator
from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

try:
    from airflow_provider_uspeedo.operators.resolve import ResolveUnknownOperator
except ImportError:  # Airflow 2.11 and 3.0
    ResolveUnknownOperator = None

log = logging.getLogger(__name__)
STATUSES = ("accepted", "rejected", "invalid", "duplicate", "suppressed", "unknown", "not_sent")
Summary = dict[str, Any] | None

with DAG(
    dag_id="send_and_follow_up",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "table": Param(
            "s3://lake/due.parquet",
            type="string",
            minLength=1,
            title="Table",
            description_md="Path or URI of the people: it must stay as it is until all of it is sent.",
        ),
        "campaign": Param("invoices of November", type="string", minLength=1, title="Campaign"),
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
    # [START howto_operator_send_and_follow_up]
    # The default campaign_id contains the task's id: send_again would be another campaign, and text everybody again.
    CAMPAIGN = "{{ params.campaign }}"
    LEDGER = "{{ params.ledger }}"
    texts: dict[str, Any] = {
        "recipients": "{{ params.table }}",
        "template_id": "{{ params.template_id }}",
        "param_columns": ["name", "amount"],
        "user_id_column": "customer",
        "campaign_id": CAMPAIGN,
        "results_conn_id": LEDGER,
    }
    again = {"retries": 2, "retry_delay": timedelta(minutes=10)}

    send = SendBatchSMSOperator(task_id="send", **texts, **again)

    receipts = CollectSMSReceiptsOperator(
        task_id="receipts",
        campaign_id=CAMPAIGN,
        results_conn_id=LEDGER,
        first_after="{{ params.first_after }}",
        until=0.98,
        # Once all of it is sent, whether at once or after a person's answer; if it never is, the run fails here.
        trigger_rule="one_success",
        **again,
    )

    @task
    def report(sent: Summary, sent_again: Summary = None, arrived: Summary = None) -> dict[str, int]:
        """Says what became of the rows, as the last attempt found them; also if something has failed."""
        last = sent_again or sent or {}
        found = {status: last[status] for status in STATUSES if last.get(status)}
        if arrived:
            found["delivered"] = arrived["success"]
        log.info("Campaign %r: %s", last.get("campaign_id"), found or "nothing was sent; the log of send says why.")
        return found

    if ResolveUnknownOperator is not None:
        resolve = ResolveUnknownOperator(
            task_id="resolve",
            campaign_id=CAMPAIGN,
            results_conn_id=LEDGER,
            response_timeout=timedelta(hours=12),
            # Also, and above all, after a failure of send. It is skipped if nothing is unknown.
            trigger_rule="all_done",
            **again,
        )
        # Only after an answer about everything that was unknown: a campaign that failed for another cause, such as
        # too many rejected recipients, needs a person who looks at it first.
        send_again = SendBatchSMSOperator(task_id="send_again", same_table_as="send", **texts, **again)
        send >> resolve >> send_again >> receipts
        reported = report(send.output, send_again.output, receipts.output)
    else:
        reported = report(send.output, arrived=receipts.output)

    send >> receipts
    # A teardown runs whatever has happened, and its success does not hide the failure of another task.
    reported.as_teardown()
    # [END howto_operator_send_and_follow_up]
