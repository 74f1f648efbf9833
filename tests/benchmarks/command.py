# SPDX-License-Identifier: Apache-2.0
"""What the operations command takes as a process: ``airflow-uspeedo list``, from its start to its end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.runner import LAST_WORDS, Figures, NotMeasured

COMMAND = Path(sys.executable).with_name("airflow-uspeedo")


def list_campaigns(surroundings: dict[str, str], newest: str, *, connection: bool, processes: int) -> list[Figures]:
    """Seconds, and seconds of processor time in user and system mode, one for each of so many processes.

    :param newest: the name of the newest campaign, which must be in the list.
    :param connection: the ledger is that of the connection ``ledger``; else the file in the home.
    :raises NotMeasured: the command failed, or the list is not of this ledger.
    """
    command = [COMMAND, *(["--conn-id", "ledger"] if connection else []), "list"]
    return [list_once(command, surroundings, newest) for _ in range(processes)]


def list_once(command: list[str | Path], surroundings: dict[str, str], newest: str) -> Figures:
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=surroundings, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        words = output.read().decode()
    if process.returncode or newest not in words:
        raise NotMeasured(f"airflow-uspeedo list ended with {process.returncode}: ...{words[-LAST_WORDS:]}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime}
