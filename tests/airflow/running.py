# SPDX-License-Identifier: Apache-2.0
"""Tasks without a scheduler: templates are rendered and ``execute`` runs as Airflow would run it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

Make = Callable[..., Any]


@dataclass
class Instance:
    """What the operator asks a task instance for; XComs must be plain JSON, as Airflow's database needs them."""

    try_number: int = 1
    map_index: int = -1
    dag_id: str = "a_dag"
    task_id: str = "send"
    run_id: str = "a_run"
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value, allow_nan=False))


class OutletEvents:
    """What a task says of its assets until it ends, found by the asset, which not every Airflow can hash."""

    def __init__(self) -> None:
        self._events: dict[str, SimpleNamespace] = {}

    def __getitem__(self, asset: Any) -> SimpleNamespace:
        return self._events.setdefault(asset.uri, SimpleNamespace(extra={}))


@dataclass(frozen=True)
class Run:
    """One attempt of a task.

    :param summary: its return value, or what it pushed under that name before it failed.
    :param error: what it raised, or ``None``.
    """

    operator: Any
    instance: Instance
    summary: Any
    error: BaseException | None

    @property
    def counts(self) -> dict[str, int]:
        """The statuses that rows have."""
        names = ("accepted", "rejected", "invalid", "duplicate", "suppressed", "unknown", "not_sent")
        return {name: self.summary[name] for name in names if self.summary[name]}


def render(
    arguments: dict[str, Any], params: dict[str, Any] | None = None, *, native: bool = False, **about: Any
) -> Run:
    """An operator whose template fields are rendered."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator

    with DAG(
        "a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), render_template_as_native_obj=native
    ) as dag:
        operator = SendBatchSMSOperator(**{"task_id": "send", **arguments})
    instance = Instance(**about)
    context = {"dag": dag, "task": operator, "ti": instance, "run_id": instance.run_id, "params": params or {}}
    operator.render_template_fields(context)
    return Run(operator, instance, context, None)


def try_task(arguments: dict[str, Any], params: dict[str, Any] | None = None, **about: Any) -> Run:
    """One attempt, from templates to the end."""
    return finish(render(arguments, params, **about))


def finish(rendered: Run) -> Run:
    """Executes a rendered operator."""
    operator, instance = rendered.operator, rendered.instance
    try:
        instance.xcom_push("return_value", operator.execute(rendered.summary))
    except Exception as error:  # noqa: BLE001 - which one it is, is what the tests ask
        return Run(operator, instance, instance.xcoms.get("return_value"), error)
    return Run(operator, instance, instance.xcoms["return_value"], None)
