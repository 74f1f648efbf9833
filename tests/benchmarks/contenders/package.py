# SPDX-License-Identifier: Apache-2.0
"""This package, end to end: its operator's task, as Airflow runs it, from the Parquet file to the tally of the ledger.

What stands in for Airflow is a context with a task instance that keeps XComs as plain JSON; a real task process adds
its start. What the operator imports when it first needs it is imported before the clock starts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.benchmarks.contender import CHUNK, KEY, PARAMETERS, SECRET, Contender, Job

NEEDED_LATER = (
    "airflow_provider_uspeedo.api.client",
    "airflow_provider_uspeedo.campaign.preflight",
    "airflow_provider_uspeedo.campaign.campaign",
    "airflow_provider_uspeedo.hooks.ledger_connection",
    "airflow_provider_uspeedo.ledger.store.engine",
    "airflow_provider_uspeedo.ledger.ledger",
    "sqlalchemy.dialects.sqlite.pysqlite",
)


def prepare(job: Job) -> Callable[[], object]:
    from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
    from tests.airflow.running import render, try_task

    for module in (*NEEDED_LATER, *(["psycopg2"] if job.ledger else [])):
        import_module(module)
    arguments = {
        "recipients": job.table,
        "template_id_column": "template",
        "sender_id_column": "sender",
        "param_columns": list(PARAMETERS),
        "campaign_id": "benchmark",
        "chunk_size": CHUNK,
        "concurrency": job.concurrency,
        "results_conn_id": "ledger" if job.ledger else None,
    }
    render(arguments)  # with these two Airflow imports what a task's process has imported by then
    USpeedoHook.get_connection("uspeedo_default")

    def run() -> None:
        done = try_task(arguments)
        if done.error:
            raise done.error
        if set(done.counts) != {"accepted"}:
            raise RuntimeError(f"not all accepted: {done.counts}")

    return run


def airflow_home(job: Job) -> dict[str, str]:
    connection = {"conn_type": "uspeedo", "login": KEY, "password": SECRET, "host": job.url}
    ledger = {"AIRFLOW_CONN_LEDGER": json.dumps({"conn_type": "postgres", **job.ledger})} if job.ledger else {}
    return {
        "AIRFLOW_HOME": job.folder,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_USPEEDO_DEFAULT": json.dumps(connection),
        **ledger,
    }


ABOUT = "`SendBatchSMSOperator` with the defaults of its arguments (so `concurrency` 4, unless it is given), ledger in "
OF_BOTH: dict[str, Any] = {
    "prepare": prepare,
    "distribution": "airflow-provider-uspeedo",
    "environment": airflow_home,
    "peer": False,
    "threads": True,
    "concurrency": 4,
    "reruns": True,
}
CONTENDERS = (
    Contender("this package, SQLite", ABOUT + "SQLite", place=1, **OF_BOTH),
    Contender("this package, PostgreSQL", ABOUT + "PostgreSQL", place=2, database=True, **OF_BOTH),
)
