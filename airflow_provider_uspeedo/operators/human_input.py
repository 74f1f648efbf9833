# SPDX-License-Identifier: Apache-2.0
"""Airflow's operator that waits for a person's answer, or an error that says what to use instead.

Airflow has it from 3.1 on, in its standard provider. :data:`MIN_STANDARD` is the oldest version of that provider that
this package is tested with.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from typing import Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException
from packaging.version import Version

from airflow_provider_uspeedo.core.what_to_do import what_to_do

MIN_AIRFLOW = "3.1"
MIN_STANDARD = "1.12.1"
STANDARD = "apache-airflow-providers-standard"
INSTEAD = (
    "Without it, resolve unknown outcomes with the command `airflow-uspeedo resolve`, or in a DAG with "
    f"open_ledger_admin(). {what_to_do('unknown')}"
)


class HumanInputUnavailable(AirflowOptionalProviderFeatureException, ImportError):
    """This Airflow cannot ask a person; an ``ImportError``, so that a DAG file can go on without."""


def refuse_without_human_input() -> None:
    """Checks the versions that are installed.

    :raises HumanInputUnavailable: one is too old, or missing; the message says which, and what to use instead.
    """
    airflow = version("apache-airflow")
    if Version(Version(airflow).base_version) < Version(MIN_AIRFLOW):
        raise HumanInputUnavailable(
            f"ResolveUnknownOperator asks a person in Airflow, which needs Airflow {MIN_AIRFLOW} or newer; this is "
            f"{airflow}. {INSTEAD}"
        )
    try:
        standard = version(STANDARD)
    except PackageNotFoundError:
        standard = "not installed"
    if standard == "not installed" or Version(standard) < Version(MIN_STANDARD):
        raise HumanInputUnavailable(
            f"ResolveUnknownOperator asks a person in Airflow, which needs {STANDARD} {MIN_STANDARD} or newer; it is "
            f"{standard}. Upgrade it. {INSTEAD}"
        )


refuse_without_human_input()

from airflow.providers.common.compat.sdk import TaskDeferred  # noqa: E402 - not before the check
from airflow.providers.standard.operators.hitl import HITLOperator  # noqa: E402 - not before the check
from airflow.sdk import exceptions  # noqa: E402 - not before the check
from airflow.sdk.definitions.param import ParamsDict  # noqa: E402 - not before the check

WAITING: tuple[type[BaseException], ...] = (TaskDeferred, getattr(exceptions, "TaskAwaitingInput", TaskDeferred))
"""What Airflow's operator raises to wait: before Airflow 3.3 it sleeps in the triggerer."""
HAS_RESPONSE_TIMEOUT = "response_timeout" in signature(HITLOperator.__init__).parameters
"""False for versions of Airflow's operator that take ``execution_timeout`` for it."""


def put_question(operator: HITLOperator, task_instance: Any) -> str | None:
    """Gives the question to Airflow, as its operator does, and returns the text that a person is shown.

    That may be an older one: Airflow keeps the first question of a task instance through retries and Clear, and drops
    its answer alone.

    :returns: Markdown; ``None`` if Airflow does not say.
    """
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    users: Any = operator.assigned_users or []
    question = CreateHITLDetailPayload(
        ti_id=task_instance.id,
        options=operator.options,
        subject=operator.subject,
        body=operator.body,
        multiple=operator.multiple,
        params={},
        assigned_users=users,
    )
    kept: Any = SUPERVISOR_COMMS.send(msg=question)
    return getattr(kept, "body", None)


__all__ = [
    "HAS_RESPONSE_TIMEOUT",
    "MIN_AIRFLOW",
    "MIN_STANDARD",
    "WAITING",
    "HITLOperator",
    "HumanInputUnavailable",
    "ParamsDict",
    "put_question",
]
