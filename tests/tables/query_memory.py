# SPDX-License-Identifier: Apache-2.0
"""What a query of many rows takes: time, memory of the whole process, and room on the disk.

    python -m tests.tables.query_memory --driver psycopg2 --rows 5000000

prints one line of JSON. The rows are made by the database while they are read, so no table is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
SERIES = {
    "psycopg2": "SELECT concat('+8525', lpad(i::text, 7, '0')) AS phone, concat('Name ', i) AS name, "
    "(i % 10000 / 100.0)::numeric(10, 2) AS amount, date '2026-01-01' + i % 365 AS due_on FROM "
    "(SELECT generate_series(1, {rows}) AS i) AS n",
    "pymysql": "SELECT concat('+8525', lpad(seq, 7, '0')) AS phone, concat('Name ', seq) AS name, "
    "cast(mod(seq, 10000) / 100 AS decimal(10, 2)) AS amount, date '2026-01-01' + interval mod(seq, 365) day AS due_on "
    "FROM seq_1_to_{rows}",
}
SERIES |= {"psycopg": SERIES["psycopg2"], "MySQLdb": SERIES["pymysql"]}


def measure(driver: str, rows: int) -> dict[str, Any]:
    """Runs the query in this process, and reads its rows twice, as a campaign does."""
    from airflow_provider_uspeedo.tables.table import Table
    from tests.tables.warehouse import connector, rows_of

    with TemporaryDirectory() as folder:
        connect = connector(driver, Path(folder))
    began = time.monotonic()
    spooled = rows_of(connect, SERIES[driver].format(rows=rows))
    seconds = time.monotonic() - began
    table = Table(spooled)
    columns = ["phone", "name", "amount", "due_on"]
    counts = [sum(batch.length for batch in table.batches(columns, batch_rows=5000)) for _ in range(2)]
    return {
        "driver": driver,
        "rows": counts,
        "seconds": round(seconds, 1),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "megabytes on disk": os.fstat(spooled._file.fileno()).st_size / 2**20,
    }


def in_a_process(driver: str, rows: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "tests.tables.query_memory", "--driver", driver, "--rows", str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", choices=SERIES, default="psycopg2")
    parser.add_argument("--rows", type=int, default=200_000)
    print(json.dumps(measure(**vars(parser.parse_args()))))
