# SPDX-License-Identifier: Apache-2.0
"""Text the people of one large table by several tasks at once, on any executor.

Each mapped task sends one slice of the table. Which slice a person is in depends on their recipient key alone, so
duplicates meet in one slice, and another number of slices on a later try is safe: nobody is texted twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator, slices

with DAG(
    dag_id="send_in_slices",
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
            description_md="A database that every worker reaches. Empty: the setting `[uspeedo] results_conn_id`, then "
            "a file, which only tasks of one machine share.",
        ),
        "slices": Param(8, type="integer", minimum=1, maximum=1024, title="Slices"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
) as dag:
    # [START howto_operator_send_in_slices]
    @task
    def cut(params: dict[str, int]) -> list[str]:
        """The slices: "1/8", "2/8", ... "8/8"."""
        return slices(params["slices"])

    SendBatchSMSOperator.partial(
        task_id="send",
        recipients="{{ params.table }}",
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        campaign_id="{{ params.campaign }}",
        # All tries of all slices must see one ledger: a database that every worker reaches.
        results_conn_id="{{ params.ledger }}",
        # The vendor's limit is for all of them: 4 tasks x 5 requests a second. A pool can bound several DAGs; make it
        # before you name it, for Airflow lets a task wait for ever for one that is not there.
        max_active_tis_per_dagrun=4,
        requests_per_second=5,
        # If a twentieth of the people is rejected, somebody should look before the others are texted.
        max_failure_ratio=0.05,
        retries=2,
        retry_delay=timedelta(minutes=10),
    ).expand(slice=cut())
    # [END howto_operator_send_in_slices]
