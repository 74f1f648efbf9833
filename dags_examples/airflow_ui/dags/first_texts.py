# SPDX-License-Identifier: Apache-2.0
"""Text the made-up people of `make airflow-ui`: every field is filled in, so *Trigger* is all there is to do.

The texts are in the sandbox's inbox; no real message is sent. Trigger it again: nothing is sent again, since the
campaign has the same name. Another name texts everybody once more.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

with DAG(
    dag_id="first_texts",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={
        "table": Param(
            os.environ.get("USPEEDO_PEOPLE", "people.parquet"),
            type="string",
            minLength=1,
            title="Table",
            description_md="1,000 made-up people: some with bad phones, some twice, some that the sandbox rejects.",
        ),
        "campaign": Param(
            "first texts",
            type="string",
            minLength=1,
            title="Campaign",
            description_md="**Nobody is texted twice under one name.**",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description_md="Only say what would be sent."),
    },
    doc_md=__doc__,
    tags=["uspeedo"],
) as dag:
    SendBatchSMSOperator(
        task_id="send",
        recipients="{{ params.table }}",
        user_id_column="customer",
        default_region="HK",
        template_id_column="template",
        sender_id_column="sender",
        param_columns=["name", "amount"],
        campaign_id="{{ params.campaign }}",
        dry_run="{{ params.dry_run }}",
    )
