# SPDX-License-Identifier: Apache-2.0
"""The demo from its first line to its last."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from dags_examples.demo.home import EXAMPLES, AirflowFailed, AirflowHome
from dags_examples.demo.people import REGION, TEMPLATES, write_people
from dags_examples.demo.report import Results, columns, counts_table

ROWS = 5_000
CAMPAIGN = "demo"
DAG_ID = "send_batch_sms"
FOLDER = EXAMPLES.parent / "demo"


def main() -> int:
    """Runs the demo; the exit code is 0 if everything went as it should."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every ``finally`` has its turn
    FOLDER.mkdir(exist_ok=True)
    templates = tuple(TEMPLATES.items())
    with running(templates=templates, journal=FOLDER / "sandbox-journal.jsonl", inbox=False) as sandbox:
        return _demonstrate(sandbox)


def _demonstrate(sandbox: Sandbox) -> int:
    table, log = FOLDER / "people.parquet", FOLDER / "airflow.log"
    home = AirflowHome(FOLDER / "airflow", log, sandbox.url)
    before = len(sandbox.journal())
    write_people(table, ROWS)
    airflow = version("apache-airflow")
    _say(f"Texting {ROWS:,} made-up people through Airflow {airflow}; a sandbox on this machine plays USpeedo.")
    _say("")
    _say(f"  DAG       {_short(EXAMPLES / (DAG_ID + '.py'))}, campaign {CAMPAIGN!r}")
    _say(f"  table     {_short(table)}")
    _say(f"  sandbox   {sandbox.url}")
    _say(f"  log       {_short(log)}")
    _say("")
    _say("This takes about half a minute ...")
    try:
        home.prepare()
        home.run(DAG_ID, _form(table))
    except AirflowFailed as error:
        _say(f"The demo failed: {error}. See {log}")
        return 1
    return _tell(Results(home.folder / "uspeedo_ledger.db", CAMPAIGN), sandbox, before)


def _form(table: Path) -> dict[str, object]:
    """What one would fill into the Trigger form."""
    return {
        "table": str(table),
        "user_id_column": "customer",
        "region": REGION,
        "template_id": None,
        "template_id_column": "template",
        "param_columns": ["name", "amount"],
        "sender_id_column": "sender",
        "campaign": CAMPAIGN,
    }


def _tell(results: Results, sandbox: Sandbox, before: int) -> int:
    counts = results.counts()
    journal = sandbox.journal()
    numbers = [entry.number for entry in journal]
    now, twice = len(numbers) - before, len(numbers) - len(set(numbers))
    _say("")
    if before and not now:
        _say(f"Nothing was sent: campaign {CAMPAIGN!r} has texted these people before. Delete demo/ to begin anew.")
    else:
        _say(f"{now:,} messages were sent, in {len({entry.request_id for entry in journal[before:]})} requests.")
    _say(f"By the sandbox's own journal {len(set(numbers)):,} people were texted, {twice:,} of them twice.")
    for title, lines in (
        (f"What became of the {ROWS:,} rows", counts_table(counts)),
        ("The first rows that failed", columns(("row", "phone", "status", "reason"), results.failures(), right=(0,))),
        (f"All results are in the table uspeedo_results of {_short(results.ledger)}", _query(results)),
    ):
        _say("", title, "", *lines)
    return 0 if sum(counts.values()) == ROWS and not twice else 1


def _query(results: Results) -> list[str]:
    return [f"  sqlite3 -box {shlex.quote(_short(results.ledger))} \\", f'    "{results.query}"']


def _short(path: Path) -> str:
    """The path as one may type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
