# SPDX-License-Identifier: Apache-2.0
"""Waits for a moment outside the worker: in the triggerer, or rescheduled by the scheduler."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NoReturn


def time_trigger(moment: datetime) -> Any:
    """Airflow's own trigger for a moment; the time is all that it carries.

    :param moment: aware.
    """
    try:
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger
    except ImportError:  # Airflow 2.11 has it in its core
        from airflow.triggers.temporal import DateTimeTrigger  # type: ignore[import-not-found, no-redef, unused-ignore]

    return DateTimeTrigger(moment=moment)


def reschedule(moment: datetime) -> NoReturn:
    """Ends this run of the task; the scheduler starts it again at that moment.

    :param moment: aware.
    """
    try:
        from airflow.sdk.exceptions import AirflowRescheduleException
    except ImportError:  # before Airflow 3.1
        from airflow.exceptions import AirflowRescheduleException  # type: ignore[no-redef, unused-ignore]

    raise AirflowRescheduleException(moment)  # type: ignore[no-untyped-call, unused-ignore]
