# SPDX-License-Identifier: Apache-2.0
"""One measurement, in a process of its own: the whole job of one contender, without interpreter and imports.

``python -m tests.benchmarks.measured MODULE NAME JOB FIGURES``: the job is JSON, the figures are written to a file.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

from tests.benchmarks.contender import Job


def processor_seconds() -> float:
    """Of this process and of its children that have ended, in user and system mode."""
    found = os.times()
    return found.user + found.system + found.children_user + found.children_system


def memory(name: str) -> int:
    """Bytes that this process holds (``VmRSS``), or held at most (``VmHWM``)."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main(module: str, name: str, job: str, figures: str) -> None:
    (contender,) = (one for one in import_module(module).CONTENDERS if one.name == name)
    run = contender.prepare(Job(**json.loads(job)))
    before, cpu, began = memory("VmRSS"), processor_seconds(), time.perf_counter()
    further = run()
    seconds = time.perf_counter() - began
    found = {"seconds": seconds, "cpu": processor_seconds() - cpu, "peak": memory("VmHWM"), "before": before}
    found |= further if isinstance(further, dict) else {}
    Path(figures).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
