# SPDX-License-Identifier: Apache-2.0
"""One DAG with a task for every kind of table and every way to end. Its tables are in the folder ``BATTERY``."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator, slices

FOLDER = Path(os.environ.get("BATTERY", ""))
HOW = {"template_id": "UTA_REMINDER", "param_columns": ["name", "amount"], "user_id_column": "customer"}


def send(task_id: str, recipients: Any = None, **how: Any) -> SendBatchSMSOperator:
    """A task that texts a table of its own name, unless another one is given."""
    if recipients is None:
        recipients = str(FOLDER / f"{task_id}.parquet")
    return SendBatchSMSOperator(**{"task_id": task_id, "recipients": recipients, **HOW, **how})


with DAG(
    "battery",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    default_args={"retries": 1, "retry_delay": timedelta(0)},
):

    @task
    def read_rows() -> list[dict[str, Any]]:
        import pandas as pd

        return pd.read_parquet(FOLDER / "rows_of_a_task.parquet").to_dict("records")

    @task
    def read_frame() -> Any:
        import pandas as pd

        return pd.read_parquet(FOLDER / "frame_of_a_task.parquet")

    @task
    def name_parts() -> list[str]:
        return [str(path) for path in sorted((FOLDER / "parts").iterdir())]

    @task
    def count(session_nos: list[str], failures: list[dict[str, Any]]) -> list[int]:
        return [len(session_nos), len(failures)]

    def by_value(task_id: str) -> None:
        import pandas as pd

        frame = pd.read_parquet(FOLDER / "by_value.parquet")
        send(task_id, frame if task_id == "a_frame" else frame.to_dict("records"), campaign_id=task_id)

    mixed = send("mixed")
    count(mixed.output["session_nos"], mixed.output["failures"])
    send("rows_of_a_task", read_rows())
    send("frame_of_a_task", read_frame())
    SendBatchSMSOperator.partial(task_id="mapped", **HOW).expand(recipients=name_parts())
    SendBatchSMSOperator.partial(task_id="sliced", recipients=str(FOLDER / "sliced.parquet"), **HOW).expand(
        slice=slices(3)
    )
    send("braked", chunk_size=10, concurrency=1, max_failure_ratio=0.05)
    send("canary", chunk_size=10, concurrency=1, canary=5)
    if FOLDER.name:
        by_value("a_frame")
        by_value("a_list")
    send("wrong_key", uspeedo_conn_id="wrong_key")
    send("topped_up", uspeedo_conn_id="poor", chunk_size=2, concurrency=1)
    send("lost")
    send("nobody", phone_column="name")
    send("missing")
    send("wrong_column", str(FOLDER / "mixed.parquet"), param_columns=["name", "amuont"])
    send("empty")
