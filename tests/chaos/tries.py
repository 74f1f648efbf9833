# SPDX-License-Identifier: Apache-2.0
"""One try of a real Airflow task in this process, as Airflow's own code runs it; only its supervisor is played.

On Airflow 3 the task runner does everything: it renders, executes, pushes XComs, calls ``on_kill`` at SIGTERM and
decides between a retry and the end. What it would tell its supervisor is kept in the report. On Airflow 2, where a task
instance wants a metadata database, the operator is rendered and executed, and SIGTERM raises what Airflow 2 raises.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import airflow

from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator
from tests.crash.mistakes import MISTAKES

AIRFLOW_2 = airflow.__version__.startswith("2.")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE = "CHAOS_LEDGER_PATIENCE"
"""Environment variable: ``[seconds for which the ledger is waited for, seconds for which an answer is offered]``."""


@dataclass(frozen=True)
class Try:
    """What one child is to do; all of it can be written as JSON.

    :param arguments: of the operator.
    :param environment: connections, as Airflow reads them from the environment.
    :param log: the file that gets everything the task says.
    :param report: the file that gets its end; a killed one leaves none.
    :param mistake: the planted mistake of :data:`tests.crash.mistakes.MISTAKES`, or ``""``.
    """

    arguments: dict[str, Any]
    environment: dict[str, str]
    log: str
    report: str
    try_number: int = 1
    retries: int = 1000
    run_id: str = "a_run"
    mistake: str = ""

    def as_json(self) -> str:
        return json.dumps(asdict(self))


def play(text: str) -> None:
    """Does it, and leaves a report."""
    one = Try(**json.loads(text))
    os.environ.update(one.environment)
    write_to(one.log)
    be_hasty()
    with MISTAKES[one.mistake]():
        report = on_airflow_2(one) if AIRFLOW_2 else on_airflow_3(one)
    Path(one.report).write_text(json.dumps(report, allow_nan=False))


def be_hasty() -> None:
    """Waits for the ledger's database only as long as the environment says, if it says."""
    from functools import partial

    from airflow_provider_uspeedo.ledger import ledger

    if seconds := os.environ.get(PATIENCE):
        patience, settle_timeout = json.loads(seconds)
        ledger.Ledger = partial(ledger.Ledger, timeout=patience, settle_timeout=settle_timeout)  # type: ignore[misc]


def write_to(log: str) -> None:
    """Whatever is said from now on, by whomever, goes to the file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, force=True)


def task_of(one: Try) -> Any:
    from airflow.providers.common.compat.sdk import DAG

    with DAG("chaos", schedule=None, start_date=NOW):
        return SendBatchSMSOperator(task_id="send", retries=one.retries, **one.arguments)


def on_airflow_3(one: Try) -> dict[str, Any]:
    import structlog
    from airflow.sdk.execution_time import task_runner

    told = Told()
    task_runner.SUPERVISOR_COMMS = told
    instance = runtime_instance(one)
    log = structlog.get_logger("task")
    context = instance.get_template_context()
    state, _, error = task_runner.run(instance, context, log)
    task_runner.finalize(instance, state, context, log, error)
    return {"state": state.value, "error": str(error or ""), "xcoms": told.xcoms, "rendered": told.rendered}


def runtime_instance(one: Try) -> Any:
    """A task instance as the task runner makes it of what its supervisor sends."""
    import uuid

    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.sdk.api.datamodels._generated import TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    dag_run = {
        "dag_id": "chaos",
        "run_id": one.run_id,
        "run_after": NOW,
        "run_type": "manual",
        "state": "running",
        "consumed_asset_events": [],
        **dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end", "end_date", "partition_key")),
        "start_date": NOW,
    }
    return RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        dag_id="chaos",
        task_id="send",
        run_id=one.run_id,
        try_number=one.try_number,
        map_index=-1,
        task=task_of(one),
        bundle_instance=DagBundlesManager().get_bundle("dags-folder"),
        max_tries=one.retries,
        start_date=NOW,
        _ti_context_from_server=TIRunContext.model_validate(
            {"dag_run": dag_run, "max_tries": one.retries, "should_retry": one.try_number <= one.retries}
        ),
    )


class Told:
    """The supervisor's side, in memory: it notes XComs and rendered fields, and has nothing to say."""

    def __init__(self) -> None:
        self.xcoms: dict[str, Any] = {}
        self.rendered: dict[str, Any] = {}

    def send(self, msg: Any) -> None:
        kind = type(msg).__name__
        if kind == "SetXCom":
            self.xcoms[msg.key] = msg.value
        elif kind == "SetRenderedFields":
            self.rendered.update(msg.rendered_fields)


def on_airflow_2(one: Try) -> dict[str, Any]:
    from airflow.exceptions import AirflowFailException, AirflowTaskTerminated

    from tests.airflow.running import finish, render

    def terminate(*_: object) -> None:
        raise AirflowTaskTerminated("Task received SIGTERM signal")

    signal.signal(signal.SIGTERM, terminate)
    rendered = render(one.arguments, try_number=one.try_number, run_id=one.run_id, dag_id="chaos")
    try:
        done = finish(rendered)
    except AirflowTaskTerminated as error:
        rendered.operator.on_kill()
        return {"state": "failed", "error": str(error), "xcoms": rendered.instance.xcoms, "rendered": {}}
    state = "success" if done.error is None else "up_for_retry"
    if isinstance(done.error, AirflowFailException):
        state = "failed"
    return {"state": state, "error": str(done.error or ""), "xcoms": done.instance.xcoms, "rendered": {}}
