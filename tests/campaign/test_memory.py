# SPDX-License-Identifier: Apache-2.0
"""Memory does not grow with the table: reading, checking, sending and recording stream."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
MANY, MORE = 20_000, 150_000
MEGABYTES = 40
"""What so many more rows may cost: less than their texts alone would take as Python objects."""
CHILD = """
import json, resource, sys
from airflow_provider_uspeedo.api.response.send_answer import SendAnswer
from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.dry_run import dry_run
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.ledger import Ledger

table, ledger_file, tries = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger = Ledger(open_engine(f"sqlite:///{ledger_file}"))
config = CampaignConfig("c", Columns("phone", ("name", "text")), template_id="T", max_recipients=10**9)

def send(content):
    return SendAnswer(0, ("s",), sum(len(group.targets) for group in content.groups), (), "r")

def query(ids):
    return [Template(one, "", "Dear {1}, it is {2}.", 2, 2) for one in ids]

plan = dry_run(config, prepare(config, table, query, planning=True), ledger).plan
assert plan.total.segments == plan.total.recipients
reading = prepare(config, table, query)
ledger.prepare()
for _ in range(tries):
    summary = Campaign(config, reading, ledger, send, StopSignal()).run().summary
seen = sum(len(portion) for portion in ledger.results("c"))
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([summary.to_xcom()["accepted"], seen, megabytes, "pandas" in sys.modules]))
"""


def in_a_process(folder: Path, rows: int) -> tuple[float, bool]:
    """A dry run, a run, a rerun, and the results: megabytes that they take at most, and whether pandas was loaded."""
    table = folder / f"{rows}.parquet"
    columns = {
        "phone": [f"+8525{n:07d}" for n in range(rows)],
        "name": [f"Name {n}" for n in range(rows)],
        "text": [f"{n:050d}" for n in range(rows)],
    }
    pq.write_table(pa.table(columns), table)
    command = [sys.executable, "-c", CHILD, str(table), str(folder / f"{rows}.db"), "2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    accepted, seen, megabytes, pandas = json.loads(done.stdout)
    assert (accepted, seen) == (rows, rows)
    return megabytes, pandas


def test_a_table_in_parquet_needs_no_pandas(tmp_path: Path) -> None:
    """It takes half a second to load and 40 MB, in every task."""
    _, pandas = in_a_process(tmp_path, 100)
    assert not pandas


@pytest.mark.slow
def test_a_larger_table_needs_no_more_memory(tmp_path: Path) -> None:
    """Peak memory of whole processes, run, rerun, dry run and results included."""
    assert in_a_process(tmp_path, MORE)[0] - in_a_process(tmp_path, MANY)[0] < MEGABYTES
