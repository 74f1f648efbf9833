# SPDX-License-Identifier: Apache-2.0
"""Text the people on call when a task of this DAG has failed.

Each of them gets one text for each failed try, however often Airflow calls the notifier. Their phones are in an Airflow
Variable, so that they are in no DAG file.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_uspeedo.notifications.sms import USpeedoNotifier
from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

# [START howto_notifier]
on_call = USpeedoNotifier(
    to="{{ var.value.on_call }}",  # +85255311111, +85255312222
    template_id="UTA_REMINDER",
    # One text for each variable of the template. An exception may quote anything: it is better not sent.
    template_params=["{{ dag.dag_id }}", "{{ ti.task_id }}, try {{ ti.try_number }}"],
)

with DAG(
    dag_id="notify_on_failure",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Every task of the DAG.
    default_args={"on_failure_callback": on_call},
    params={
        "table": Param("s3://lake/due/", type="string", minLength=1, title="Table"),
        "template_id": Param("UTA_REMINDER", type="string", minLength=1, title="Template"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    SendBatchSMSOperator(
        task_id="send",
        recipients="{{ params.table }}",
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        campaign_id="due invoices {{ run_id }}",
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
# [END howto_notifier]
