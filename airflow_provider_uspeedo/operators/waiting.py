# SPDX-License-Identifier: Apache-2.0
"""Waits for a moment outside the worker: in the triggerer, or rescheduled by the scheduler."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from airflow_provider_uspeedo.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

PLACES = ("airflow.providers.standard.triggers.temporal", "airflow.triggers.temporal")
"""Where ``DateTimeTrigger`` is: in a provider that Airflow 3 needs, or in Airflow 2 itself."""


def time_trigger() -> type[BaseTrigger]:
    """Airflow's own trigger for a time; the time is all that one holds.

    :raises ConfigurationError: this Airflow has none.
    """
    for module in PLACES:
        with suppress(ImportError):
            return import_module(module).DateTimeTrigger  # type: ignore[no-any-return]
    raise ConfigurationError(
        "deferrable=True needs Airflow's DateTimeTrigger: install apache-airflow-providers-standard, or set "
        "deferrable=False. Nothing was sent."
    )


def reschedule(moment: datetime) -> NoReturn:
    """Ends this run of the task; the scheduler starts it again at that moment.

    :param moment: aware.
    """
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # before Airflow 3.1
        from airflow.exceptions import AirflowRescheduleException  # type: ignore[no-redef, unused-ignore]

    raise AirflowRescheduleException(moment)  # type: ignore[no-untyped-call, unused-ignore]
