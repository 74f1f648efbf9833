# SPDX-License-Identifier: Apache-2.0
"""Text the people of a table that another task makes, and hand on who could not be texted.

The table goes from task to task as the path of a Parquet file. A DataFrame or a list of dicts from a task works too,
but then Airflow keeps every phone in its own database.
"""

from __future__ import annotations

import logging
import tempfile
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import Param, dag, task

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

log = logging.getLogger(__name__)

# Every task that sends, or that asks about it, gets this one name: nobody is texted twice under it.
CAMPAIGN = "reminders {{ run_id }}"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={
        "folder": Param(
            tempfile.gettempdir(),
            type="string",
            minLength=1,
            title="Folder",
            description_md="Where the table is written. Every worker must see it: `s3://...`, or a shared disk.",
        ),
        "template_id": Param("UTA_REMINDER", type="string", minLength=1, title="Template"),
    },
    doc_md=__doc__,
    tags=["example", "uspeedo"],
)
def send_from_task() -> None:
    # [START howto_operator_send_from_task]
    @task
    def choose_people(folder: str, run: str) -> str:
        """Writes who is to be texted, and returns the path: a stand-in for your query."""
        import pandas as pd
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        people = pd.DataFrame(
            {
                "customer": ["C-1", "C-2", "C-3"],
                "phone": ["+852 5531 1111", "(852)55312222", "not known"],
                "name": ["Ada", "Grace", "Edsger"],
                "amount": ["12.50", "7.00", "3.20"],
            }
        )
        path = ObjectStoragePath(folder) / f"people-{run}.parquet"
        with path.open("wb") as file:
            people.to_parquet(file, index=False)
        return str(path)

    people = choose_people("{{ params.folder }}", "{{ run_id | replace(':', '-') | replace('+', '-') }}")

    send = SendBatchSMSOperator(
        task_id="send",
        recipients=people,
        template_id="{{ params.template_id }}",
        param_columns=["name", "amount"],
        user_id_column="customer",
        campaign_id=CAMPAIGN,
        # Safe: a retry sends only what surely reached nobody. So is Clear.
        retries=2,
        retry_delay=timedelta(minutes=5),
    )

    @task
    def follow_up(session_nos: list[str], failures: list[dict[str, Any]]) -> list[str]:
        """Gets the sessions to ask receipts for, and the rows that need a letter or a call. Phones are masked."""
        log.info("%d sessions; %d people were not texted", len(session_nos), len(failures))
        return [failure["user_id"] for failure in failures]

    follow_up(send.output["session_nos"], send.output["failures"])
    # [END howto_operator_send_from_task]


send_from_task()
