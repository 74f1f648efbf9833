# SPDX-License-Identifier: Apache-2.0
"""Text the people of a table, but for those who have opted out, at night, too often, too late or abroad.

The connection may have a policy of its own (its extra *policy*): both hold.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator
from airflow_provider_uspeedo.policy import ContactPolicy

with DAG(
    dag_id="send_with_policy",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "table": Param("s3://lake/winter-sale.parquet", type="string", minLength=1, title="Table"),
        "campaign": Param("winter sale 2026", type="string", minLength=1, title="Campaign"),
        "opt_outs": Param("s3://lake/opt-outs/", type="string", minLength=1, title="List of those who opted out"),
        "countries": Param(["HK", "MO"], type="array", minItems=1, title="Countries"),
        "hours": Param(["09:00", "20:00"], type="array", minItems=2, maxItems=2, title="Hours, where people live"),
        "not_after": Param("2026-12-24T18:00+08:00", type="string", format="date-time", title="Not after"),
        "template_id": Param("UTA_REMINDER", type="string", minLength=1, title="Template"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_send_with_policy]
    policy = ContactPolicy(
        suppress=["{{ params.opt_outs }}"],
        countries="{{ params.countries | tojson }}",
        hours="{{ params.hours | tojson }}",
        at_most={"texts": 2, "days": 7},
        not_after="{{ params.not_after }}",
    )

    send = SendBatchSMSOperator(
        task_id="send",
        recipients="{{ params.table }}",
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        campaign_id="{{ params.campaign }}",
        policy=policy,
        # Where it is night, people are texted in the morning: until then the task sleeps in the triggerer.
        deferrable=True,
        # Safe: a retry sends only what surely reached nobody. It also waits for a list that is not there yet.
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
    # [END howto_operator_send_with_policy]
