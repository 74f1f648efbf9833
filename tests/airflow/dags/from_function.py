# SPDX-License-Identifier: Apache-2.0
"""A DAG whose functions return the tables that their own tasks send: a mapped one, and two that fail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

with DAG(
    "from_function", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=True
) as dag:

    @task
    def shops() -> list[str]:
        """What the task is mapped over."""
        return ["north", "south"]

    @task.send_batch_sms(
        template_id="UTA_REMINDER",
        param_columns=["name", "amount"],
        campaign_id="{{ '2026_11_22' }} {{ dag_run.conf['folder'] }}",
        results_conn_id="ledger",
        multiple_outputs=False,
    )
    def send(folder: str, shop: str, run_id: str | None = None) -> Any:
        """A frame of one shop."""
        import pandas as pd

        assert run_id
        return pd.read_parquet(f"{folder}/{shop}.parquet")

    send.partial(folder="{{ dag_run.conf['folder'] }}").expand(shop=shops())

    @task.send_batch_sms(template_id="UTA_PLAIN", results_conn_id="ledger")
    def broken() -> Any:
        """An error of the function is the task's own."""
        raise KeyError("a column of yours")

    @task.send_batch_sms(template_id="UTA_PLAIN", results_conn_id="ledger", retries=2)
    def forgetful() -> Any:
        """Returns nothing, which no retry fixes."""

    broken()
    forgetful()
