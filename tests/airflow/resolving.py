# SPDX-License-Identifier: Apache-2.0
"""A question about unknown outcomes without a scheduler: asked in one task, answered in another, as Airflow does it."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.airflow.running import Instance, Run

CAN_ASK = not version("apache-airflow").startswith(("2.", "3.0."))
NEEDS_TRIGGERER = version("apache-airflow").startswith(("3.1.", "3.2."))
CAMPAIGN = "due 2026-11-22"
ANN = {"id": "17", "name": "Ann Lee"}


class Question:
    """A question that Airflow keeps, and what was asked for it."""

    def __init__(self, operator: Any, detail: Any, kept: dict[str, Any]) -> None:
        self.operator, self.detail = operator, detail
        self.kept = json.loads(json.dumps(kept))

    def option(self, beginning: str) -> str:
        return next(one for one in self.detail.options if one.startswith(beginning))

    def answer(self, *chosen: str, user: Any = ANN, **arguments: Any) -> Run:
        """The task goes on in another process: with a new operator, and what Airflow has kept."""
        event = {
            "chosen_options": list(chosen), "params_input": {}, "responded_at": datetime.now(UTC),
            "responded_by_user": user, "timedout": False,
        }  # fmt: skip
        return self.resume(event, **arguments)

    def resume(self, event: dict[str, Any], **arguments: Any) -> Run:
        operator, context = make(**arguments)
        instance = context["ti"]
        try:
            instance.xcom_push("return_value", operator.execute_complete(context, event=event, **self.kept))
        except Exception as error:  # noqa: BLE001 - which one it is, is what the tests ask
            return Run(operator, instance, instance.xcoms.get("return_value"), error)
        return Run(operator, instance, instance.xcoms["return_value"], None)


def make(*, outlet_events: Any = None, **arguments: Any) -> tuple[Any, dict[str, Any]]:
    """A rendered operator, and its context."""
    from airflow.providers.common.compat.sdk import DAG, Param

    from airflow_provider_uspeedo.operators.resolve import ResolveUnknownOperator

    given = {"task_id": "resolve", "campaign_id": "{{ params.campaign }}", "results_conn_id": "ledger", **arguments}
    form = {"campaign": Param(CAMPAIGN, type="string")}
    with DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), params=form) as dag:
        operator = ResolveUnknownOperator(**given)
    instance = Instance(task_id="resolve")
    instance.id = uuid.uuid4()  # type: ignore[attr-defined]
    context = {
        "dag": dag, "task": operator, "ti": instance, "task_instance": instance, "run_id": instance.run_id,
        "params": {"campaign": CAMPAIGN}, "outlet_events": outlet_events,
    }  # fmt: skip
    operator.render_template_fields(context)
    return operator, context


def asker(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Question]:
    """Runs the task until it waits; what it sends to Airflow is kept instead."""
    from airflow.sdk.execution_time import task_runner

    from airflow_provider_uspeedo.operators.human_input import WAITING

    details: list[Any] = []
    keeps: list[Question | None] = [None]

    def send(msg: Any) -> Any:
        details.append(msg)
        return keeps[0].detail if keeps[0] else msg

    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)

    def asking(keeping: Question | None = None, **arguments: Any) -> Question:
        keeps[0] = keeping
        operator, context = make(**arguments)
        with pytest.raises(WAITING) as waiting:
            operator.execute(context)
        assert waiting.value.method_name == "execute_complete"
        assert context["ti"].xcoms == {}
        return Question(operator, keeping.detail if keeping else details[-1], waiting.value.kwargs)

    return asking


def statuses(ledger: Path) -> dict[str, int]:
    with closing(sqlite3.connect(ledger)) as connection:
        return dict(connection.execute("SELECT status, count(*) FROM uspeedo_results GROUP BY status").fetchall())


def decisions(ledger: Path) -> list[tuple[str, int, str]]:
    """Outcome, recipients and person of each recorded decision."""
    from airflow_provider_uspeedo.administration import open_ledger_admin

    with open_ledger_admin("ledger") as admin:
        return [(one.outcome, one.recipients, one.who) for one in admin.decisions(CAMPAIGN)]
