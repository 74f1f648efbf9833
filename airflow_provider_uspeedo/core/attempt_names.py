# SPDX-License-Identifier: Apache-2.0
"""The names by which a ledger knows attempts: which try of which task instance it was."""

from __future__ import annotations


def attempt_name(dag_id: str, task_id: str, run_id: str, try_number: int, map_index: int) -> str:
    """The name of a task's try. Airflow's ids hold no slash.

    >>> attempt_name("remind.all", "group.send", "manual__1", 2, -1)
    'remind.all/group.send/manual__1 try 2 map -1'
    """
    return f"{dag_id}/{task_id}/{run_id} try {try_number} map {map_index}"
