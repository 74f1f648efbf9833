# SPDX-License-Identifier: Apache-2.0
"""What an export of many rows takes: time, and memory of the whole process.

    python -m tests.ledger.export_memory --rows 1000000 [--kind postgresql]

prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.tables.whole_file import open_whole_file
from tests.campaign.suppress_memory import ROOT, peak
from tests.ledger.acting import Try, people
from tests.ledger.servers import empty_database

CAMPAIGN = "many"
AT_ONCE = 10_000


def fill(url: URL, rows: int) -> None:
    """One attempt that was answered, with so many recipients, which are stored in the order of their keys."""
    ledger = Ledger(open_engine(url))
    ledger.prepare()
    one = Try(ledger, CAMPAIGN)
    (request,) = one.claim(people(["a"], 1))
    one.send(request)
    one.end()
    for start in range(2, rows + 1, AT_ONCE):
        some = [
            {
                "campaign_no": one.attempt.campaign_no, "key": blake2b(b"%d" % row, digest_size=16).digest(),
                "request_id": request.id, "first_attempt": one.attempt.number, "first_row": row,
                "phone": f"(86)1{row:010}", "user_id": f"C-{row}", "template_id": "UTA1", "sender_id": "",
            }
            for row in range(start, min(start + AT_ONCE, rows + 1))
        ]  # fmt: skip
        ledger.database.write(lambda connection, some=some: connection.execute(ledger.tables.recipients.insert(), some))
    ledger.close()


def measure(url: str, path: Path, phones: str) -> dict[str, Any]:
    """Exports in this process."""
    began, worked = time.monotonic(), time.process_time()
    with LedgerAdmin(LedgerQueries(open_engine(url)), open_whole_file) as admin:
        done = admin.export(CAMPAIGN, path, phones=phones)
    return {
        "rows": done.rows,
        "seconds": round(time.monotonic() - began, 1),
        "processor seconds": round(time.process_time() - worked, 1),
        "bytes": done.size,
        "megabytes": peak(),
    }


def in_a_process(rows: int, kind: str = "sqlite", phones: str = "masked") -> dict[str, Any]:
    """The same in a process of its own."""
    with TemporaryDirectory() as folder, empty_database(kind, Path(folder)) as url:
        fill(url, rows)
        address, path = url.render_as_string(hide_password=False), str(Path(folder) / "results.parquet")
        command = [
            sys.executable,
            "-m",
            "tests.ledger.export_memory",
            "--phones",
            phones,
            "--url",
            address,
            "--path",
            path,
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=("sqlite", "postgresql", "mysql"), default="sqlite")
    parser.add_argument("--phones", default="masked")
    parser.add_argument("--url")
    parser.add_argument("--path", type=Path)
    given = parser.parse_args()
    if given.url:
        print(json.dumps(measure(given.url, given.path, given.phones)))
    else:
        print(json.dumps(in_a_process(given.rows, given.kind, given.phones)))
