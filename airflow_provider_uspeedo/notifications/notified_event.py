# SPDX-License-Identifier: Apache-2.0
"""What a notification is about, as the name of a campaign: the same in every process that Airflow calls it in.

Airflow may call a callback twice: in the worker, and in the DAG processor when the worker was taken for dead. Both must
arrive at one name. Neither dag_id nor task_id can hold a slash, nor can what follows run_id: no two events share one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from airflow_provider_uspeedo.errors import ConfigurationError

EVENTS = {
    "on_failure_callback": "failed",
    "on_retry_callback": "retry",
    "on_success_callback": "success",
    "on_skipped_callback": "skipped",
    "on_execute_callback": "execute",
}
"""The arguments of tasks and DAGs that take a notifier, and what has happened when it is called."""
STATES = {
    "failed": "failed",
    "up_for_retry": "retry",
    "success": "success",
    "skipped": "skipped",
    "running": "execute",
}
"""The same by the state of the task instance."""


@dataclass(frozen=True, slots=True)
class NotifiedEvent:
    """One event, of which each phone gets one text.

    :param campaign_id: names it.
    :param part: identifies the notifier among those of the event.
    """

    campaign_id: str
    part: str


def event_of(context: Mapping[str, Any], notifier: Any) -> NotifiedEvent:
    """The event that Airflow calls a notifier for.

    :param context: what Airflow passed to it.
    :param notifier: as it was given to the task or the DAG.
    :raises ConfigurationError: the context does not say what it is about.
    """
    if "slas" in context:  # Airflow 2, by five arguments
        return NotifiedEvent(f"notify-sla/{context['dag'].dag_id}/{_digest(context['slas'])}", "0")
    if isinstance(context.get("deadline"), Mapping):
        return NotifiedEvent(_of_deadline(context["deadline"], context.get("dag_run")), "0")
    task_instance = context.get("ti") or context.get("task_instance")
    if "reason" in context or task_instance is None:  # the context of a DAG may have its last task
        return _of_dag(context, notifier)
    task = context.get("task") or getattr(task_instance, "task", None)
    event, place = _registered(task, notifier) or (_by_state(task_instance), 0)
    map_index = getattr(task_instance, "map_index", None)
    named = (
        task_instance.dag_id,
        task_instance.task_id,
        task_instance.run_id,
        -1 if map_index is None else map_index,
        task_instance.try_number,
        event,
    )
    return NotifiedEvent("/".join(map(str, ("notify", *named))), str(place))


def _of_dag(context: Mapping[str, Any], notifier: Any) -> NotifiedEvent:
    """The end of a DAG run; one that is cleared ends again."""
    dag, dag_run = context.get("dag"), context.get("dag_run")
    run_id = context.get("run_id") or getattr(dag_run, "run_id", None)
    if dag is None or run_id is None:
        raise ConfigurationError(
            "USpeedoNotifier was called with a context that names neither a task instance nor a DAG run, so it cannot "
            "tell whether it has sent a text about this before. Nothing was sent."
        )
    by_reason = "success" if context.get("reason") == "success" else "failed"
    event, place = _registered(dag, notifier) or (by_reason, 0)
    cleared = getattr(dag_run, "clear_number", None) or 0
    return NotifiedEvent(f"notify-dag/{dag.dag_id}/{run_id}/{cleared}/{event}", str(place))


def _of_deadline(deadline: Mapping[str, Any], dag_run: Any) -> str:
    """A deadline that was missed: Airflow 3.1 and later."""
    about = dag_run if isinstance(dag_run, Mapping) else {}
    return f"notify-deadline/{about.get('dag_id', '')}/{about.get('dag_run_id', '')}/{deadline.get('id', '')}"


def _registered(owner: Any, notifier: Any) -> tuple[str, int] | None:
    """The event that a notifier is registered for, and its place among the callbacks; ``None`` unless it is one."""
    found = [
        (event, place)
        for argument, event in EVENTS.items()
        for place, one in enumerate(_callbacks(getattr(owner, argument, None)))
        if one is notifier
    ]
    return found[0] if len(found) == 1 else None


def _callbacks(given: Any) -> Sequence[Any]:
    return given if isinstance(given, (list, tuple)) else [given]


def _by_state(task_instance: Any) -> str:
    """For a notifier of several events, or one that a function calls."""
    state = getattr(task_instance, "state", None)
    event = STATES.get(str(getattr(state, "value", state)))
    if event is not None:
        return event
    # A DAG processor knows no state; it calls for what has failed.
    tries = getattr(task_instance, "max_tries", None) or 0
    return "retry" if task_instance.try_number <= tries else "failed"


def _digest(slas: Any) -> str:
    """Stands for the service level agreements that were missed, in any order."""
    named = sorted(f"{sla.task_id} {sla.execution_date.isoformat()}" for sla in slas)
    return sha256("\n".join(named).encode()).hexdigest()[:32]
