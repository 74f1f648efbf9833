# SPDX-License-Identifier: Apache-2.0
"""This package, end to end: its operator's task, as Airflow runs it, from the Parquet file to the tally of the ledger.

What stands in for Airflow is a context with a task instance that keeps XComs as plain JSON; a real task process adds
its start. What the operator imports when it first needs it is imported before the clock starts, unless the job says
otherwise.
"""

from __future__ import annotations

import json
import pkgutil
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import airflow_provider_uspeedo
from tests.benchmarks.contender import CHUNK, KEY, PARAMETERS, SECRET, Contender, Job

NOT_IN_A_TASK = ("cli", "plugin", "sandbox")
"""Parts of the package that no task imports."""
DRIVERS = {"": "sqlalchemy.dialects.sqlite.pysqlite", "postgres": "psycopg2", "mysql": "pymysql"}


def prepare(job: Job) -> Callable[[], object]:
    from airflow.models.connection import Connection

    from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
    from tests.airflow.running import render

    kind = (job.ledger or {}).get("conn_type", "")
    if job.warm:
        import_what_is_needed_later(DRIVERS[kind])
    arguments = {
        "recipients": job.table,
        "template_id_column": "template",
        "sender_id_column": "sender",
        "param_columns": list(PARAMETERS),
        "chunk_size": CHUNK,
        "concurrency": job.concurrency,
        "results_conn_id": "ledger" if job.ledger else None,
    }
    if job.policy is not None:
        arguments["policy"] = job.policy
    render(arguments)  # with these Airflow imports what a task's process has imported by then
    USpeedoHook.get_connection("uspeedo_default")
    if job.ledger:  # outside of a task Airflow maps the models of its own database first, which no task does
        Connection.get_connection_from_secrets("ledger")
    return lambda: {"each": [send(job, {**arguments, "campaign_id": name}) for name in job.campaigns]}


def import_what_is_needed_later(driver: str) -> None:
    for module in pkgutil.walk_packages(airflow_provider_uspeedo.__path__, f"{airflow_provider_uspeedo.__name__}."):
        if module.name.split(".")[1] not in NOT_IN_A_TASK:
            with suppress(ImportError):  # where Airflow is too old to ask a person
                import_module(module.name)
    import_module(driver)


def send(job: Job, arguments: dict[str, Any]) -> float:
    """One campaign; the seconds from ``execute`` to its return.

    :raises RuntimeError: it did not end as the job says.
    """
    from tests.airflow.running import finish, render

    rendered = render(arguments)
    began = time.perf_counter()
    done = finish(rendered)
    seconds = time.perf_counter() - began
    if done.error and not job.fails:
        raise done.error
    if job.fails and not done.error:
        raise RuntimeError("the task succeeded, but had to fail")
    if not done.summary:
        raise RuntimeError("the task returned no summary") from done.error
    if set(done.counts) != {"accepted"} if job.expects is None else done.counts != job.expects:
        raise RuntimeError(f"the rows are {done.counts}, expected were {job.expects or 'only accepted ones'}")
    return seconds


def airflow_home(job: Job) -> dict[str, str]:
    connection = {"conn_type": "uspeedo", "login": KEY, "password": SECRET, "host": job.url}
    ledger = {"AIRFLOW_CONN_LEDGER": json.dumps(job.ledger)} if job.ledger else {}
    return {
        "AIRFLOW_HOME": job.folder,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_USPEEDO_DEFAULT": json.dumps(connection),
        **ledger,
    }


ABOUT = "`SendBatchSMSOperator` with the defaults of its arguments (so `concurrency` 4, unless it is given), ledger in "
OF_ALL: dict[str, Any] = {
    "prepare": prepare,
    "distribution": "airflow-provider-uspeedo",
    "environment": airflow_home,
    "peer": False,
    "threads": True,
    "concurrency": 4,
    "reruns": True,
    "own": True,
}
CONTENDERS = (
    Contender("this package, SQLite", ABOUT + "SQLite", place=1, **OF_ALL),
    Contender("this package, PostgreSQL", ABOUT + "PostgreSQL", place=2, database="postgresql", **OF_ALL),
    Contender("this package, MariaDB", ABOUT + "MariaDB", place=3, database="mysql", **OF_ALL),
)
