# SPDX-License-Identifier: Apache-2.0
"""What importing the operator's module adds to a process that has imported Airflow's operator base, as DAG files do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from tests.benchmarks.contender import ROOT

PROGRAM = """
import time
from airflow.providers.common.compat.sdk import BaseOperator
before = time.perf_counter()
import airflow_provider_uspeedo.operators.sms
print(time.perf_counter() - before)
"""


def seconds_of_imports(processes: int) -> list[float]:
    """Seconds, one for each of so many processes."""
    with tempfile.TemporaryDirectory(prefix="airflow-home-") as home:
        surroundings = {**os.environ, "AIRFLOW_HOME": home, "PYTHONPATH": str(ROOT)}
        answers = [
            subprocess.run(
                [sys.executable, "-c", PROGRAM], env=surroundings, check=True, capture_output=True, text=True
            )
            for _ in range(processes)
        ]
    return [float(answer.stdout.splitlines()[-1]) for answer in answers]
