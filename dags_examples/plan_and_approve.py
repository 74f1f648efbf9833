# SPDX-License-Identifier: Apache-2.0
"""Show a person who would get what at which price, wait for the approval, and send exactly that.

The first task reads the table and sends nothing. Its plan is the text of the approval. The last task is given the plan,
too: if the table, a template, a price or an argument has changed since, it sends nothing and says what has changed. On
Airflow before 3.1, which has no approvals, the plan is sent as it is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any

from airflow.providers.common.compat.sdk import DAG, AirflowOptionalProviderFeatureException, Param

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
except (ImportError, AirflowOptionalProviderFeatureException):  # Airflow 2.11 and 3.0
    ApprovalOperator = None
else:
    # Airflow's standard provider before version 1.13 has another name for it.
    NEW, OLD = "response_timeout", "execution_timeout"
    TIME_TO_ANSWER = {NEW if NEW in signature(HITLOperator.__init__).parameters else OLD: timedelta(hours=12)}

with DAG(
    dag_id="plan_and_approve",
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
        "prices": Param({"HK": 0.05, "SG": 0.06}, type="object", title="Price of a segment by country"),
        "max_cost": Param(500, type="number", exclusiveMinimum=0, title="Refuse to spend more than"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_plan_and_approve]
    # Both tasks are given the very same arguments, and one campaign: the default one has the name of the task in it.
    campaign = "{{ params.campaign }}"
    texts: dict[str, Any] = {
        "recipients": "{{ params.table }}",
        "template_id": "{{ params.template_id }}",
        "param_columns": ["name", "amount"],
        "prices": "{{ params.prices }}",
        "max_cost": "{{ params.max_cost }}",
        "max_segments": 3,
    }
    plan = SendBatchSMSOperator(task_id="plan", campaign_id=campaign, dry_run=True, **texts)

    send = SendBatchSMSOperator(
        task_id="send",
        campaign_id=campaign,
        plan=plan.output,
        # Safe: a retry sends only what surely reached nobody, and only while the plan still holds.
        retries=2,
        retry_delay=timedelta(minutes=10),
        **texts,
    )

    if ApprovalOperator is not None:
        approve = ApprovalOperator(
            task_id="approve",
            subject="Send {{ params.campaign }}?",
            body="{{ ti.xcom_pull(task_ids='plan')['plan']['markdown'] }}",
            defaults="Reject",
            **TIME_TO_ANSWER,
        )
        plan >> approve >> send
    # [END howto_operator_plan_and_approve]
