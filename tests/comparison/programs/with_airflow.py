# SPDX-License-Identifier: Apache-2.0
"""The table through this package: one try of its operator's task, with the defaults of its arguments.

``python -m tests.comparison.programs.with_airflow TABLE``; the connection is in the environment, the ledger a SQLite
file in ``AIRFLOW_HOME``. Templates are rendered and ``execute`` runs as Airflow would run it. Run again, it is the next
try of the same task.
"""

from __future__ import annotations

import json
import sys

from tests.airflow.running import try_task


def main(table: str) -> None:
    run = try_task({"recipients": table, "template_id": "UTA_PARCEL", "param_columns": ["name"]})
    print(type(run.error).__name__ if run.error else "success", run.error or "")
    if run.summary:
        counts = {status: run.summary[status] for status in ("rejected", "duplicate", "unknown", "not_sent")}
        print("REPORT", json.dumps({"sent": run.summary["accepted"], **counts}))
    sys.exit(1 if run.error else 0)


if __name__ == "__main__":
    main(sys.argv[1])
