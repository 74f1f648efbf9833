# SPDX-License-Identifier: Apache-2.0
"""The names by which a ledger knows attempts: which try of which task instance it was."""

from __future__ import annotations

import re

NOTIFICATIONS = ("notify", "notify-dag", "notify-sla", "notify-deadline")
"""With which the names of notifications begin, which have their DAG behind that; see ``notified_event.py``."""
_OF_TASK = re.compile(r" try [0-9]+ map -?[0-9]+\Z")


def attempt_name(dag_id: str, task_id: str, run_id: str, try_number: int, map_index: int) -> str:
    """The name of a task's try. Airflow's ids hold no slash.

    >>> attempt_name("remind.all", "group.send", "manual__1", 2, -1)
    'remind.all/group.send/manual__1 try 2 map -1'
    """
    return f"{dag_id}/{task_id}/{run_id} try {try_number} map {map_index}"


def dag_id_of(name: str) -> str:
    """The DAG that an attempt is of; ``""``: of none. A DAG may be called as notifications are.

    >>> dag_id_of("remind/send/r try 1 map -1"), dag_id_of("notify/send/r try 1 map -1")
    ('remind', 'notify')
    >>> dag_id_of("notify/remind/send/r/-1/1/failed"), dag_id_of("notify-dag/remind/r/0/success"), dag_id_of("a test")
    ('remind', 'remind', '')
    """
    first, slash, rest = name.partition("/")
    if first in NOTIFICATIONS and not _OF_TASK.search(name):
        return rest.partition("/")[0]
    return first if slash else ""
