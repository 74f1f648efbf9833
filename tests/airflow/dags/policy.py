# SPDX-License-Identifier: Apache-2.0
"""Sending tasks with lists of phones by value: one that sends, one that is mapped, one that is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator
from airflow_provider_uspeedo.policy import ContactPolicy

CANARIES = [f"+852 {5557}{gap}{7000 + number}" for number, gap in ((1, ""), (2, " "))]
"""Made, since Airflow keeps the source of this file, too."""

with DAG("policy", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task
    def countries() -> list[str]:
        return ["HK"]

    common: dict[str, Any] = {
        "recipients": "{{ dag_run.conf['table'] }}", "template_id": "UTA_PLAIN",
        "campaign_id": "policy {{ dag_run.conf['table'] }}",
    }  # fmt: skip
    send = SendBatchSMSOperator(
        task_id="send", policy=ContactPolicy(suppress=CANARIES, countries=countries()), **common
    )
    mapped = SendBatchSMSOperator.partial(task_id="mapped", **common).expand(
        policy=[{"suppress": [{"phone": phone} for phone in CANARIES]}, ContactPolicy(suppress=CANARIES)]
    )
    refused = SendBatchSMSOperator(
        task_id="refused", policy={"suppress": [*CANARIES, f"Ann {CANARIES[0]}3"]}, trigger_rule="all_done", **common
    )
    send >> mapped >> refused
