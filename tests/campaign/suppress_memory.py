# SPDX-License-Identifier: Apache-2.0
"""What a list of many phones that may not be texted takes: processor time, and memory of the whole process.

    python -m tests.campaign.suppress_memory --phones 1000000

prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
FORMS = {"international": "+8525{:07d}", "national": "5{:07d}"}


def write(path: Path, phones: int, form: str) -> None:
    """Writes a list."""
    pq.write_table(pa.table({"phone": [FORMS[form].format(number) for number in range(phones)]}), path)


def peak() -> float:
    """Megabytes that this process has taken at most; unlike ``ru_maxrss`` without those of the one that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(path: Path) -> dict[str, Any]:
    """Reads the list in this process."""
    from airflow_provider_uspeedo.campaign.suppress_lists import read_lists
    from airflow_provider_uspeedo.core.contact_policy import read_policy

    sources = read_policy({"suppress": str(path)}, "policy").suppress
    began = time.process_time()
    found = read_lists(sources, "HK")
    return {
        "phones": len(found),
        "seconds": round(time.process_time() - began, 2),
        "megabytes kept": found.nbytes / 2**20,
        "megabytes": peak(),
    }


def in_a_process(phones: int, form: str = "international") -> dict[str, Any]:
    """The same in a process of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "opt-outs.parquet"
        write(path, phones, form)
        command = [sys.executable, "-m", "tests.campaign.suppress_memory", "--path", str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=1_000_000)
    parser.add_argument("--form", choices=FORMS, default="international")
    parser.add_argument("--path", type=Path)
    given = parser.parse_args()
    print(json.dumps(measure(given.path) if given.path else in_a_process(given.phones, given.form)))
