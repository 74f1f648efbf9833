# SPDX-License-Identifier: Apache-2.0
"""``execute`` where Airflow runs no task: in a notebook, or in a test that an author of DAGs writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NoTaskInstance:
    """Has what the operators ask a task instance for. Nothing of it decides who is texted: the ledger does."""

    dag_id: str
    task_id: str
    run_id: str = ""
    try_number: int = 1
    map_index: int = -1

    def xcom_push(self, key: str, value: Any) -> None:
        """Drops it: ``execute`` returns the same, or says it in its error."""


def with_task_instance(operator: Any, context: Any) -> Any:
    """The context as Airflow passes it, or one whose ``ti`` stands for the task instance that there is none of."""
    if context is not None and context.get("ti") is not None:
        return context
    return {**(context or {}), "ti": NoTaskInstance(operator.dag_id, operator.task_id)}
