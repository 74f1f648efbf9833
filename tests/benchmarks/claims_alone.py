# SPDX-License-Identifier: Apache-2.0
"""What the database alone takes for a campaign's claims: the floor under everything that is measured without latency.

``python -m tests.benchmarks.claims_alone sqlite postgresql --rows 100000 1000000 5000000``

Nothing is read, written for the API or sent, and no other thread runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.campaign.table_reader import PORTION_ROWS
from airflow_provider_uspeedo.core.arrays import column_of_cells, column_of_numbers, column_of_texts
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.keys import KEY_BYTES, KeySpec
from airflow_provider_uspeedo.core.recipient_batch import SCHEMA, RecipientBatch
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.ledger.store.records import Request, new_id
from tests.benchmarks.contender import CHUNK, ROOT
from tests.benchmarks.people import SENDERS, TEMPLATES, phone
from tests.ledger.servers import empty_database

SPEC = KeySpec(columns=None, kinds=(), default_region=None)


def recipients(first_row: int, rows: int) -> RecipientBatch:
    """People as the benchmarks' tables have them, with random keys."""
    numbers = range(first_row, first_row + rows)
    nothing = column_of_texts([""] * rows)
    columns = {
        "row_number": column_of_numbers(np.array(numbers)),
        "key": column_of_cells(os.urandom(rows * KEY_BYTES), KEY_BYTES),
        "phone": column_of_texts([phone(number) for number in numbers]),
        "params": pa.LargeListArray.from_arrays(column_of_numbers(np.zeros(rows + 1, int)), nothing[:0]),
        "user_id": nothing,
        "extend_code": nothing,
        "time_zone": nothing.dictionary_encode(),
        "template_id": column_of_texts([TEMPLATES[number % len(TEMPLATES)] for number in numbers]).dictionary_encode(),
        "sender_id": column_of_texts([SENDERS[number % len(SENDERS)] for number in numbers]).dictionary_encode(),
    }
    return RecipientBatch(pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA))


def measure(database: str, sizes: Sequence[int], folder: Path) -> dict[int, float]:
    """Seconds of all claims by the number of rows, the smaller ones on the way to the largest.

    :param database: ``sqlite``, ``postgresql`` or ``mysql``.
    :param sizes: in ascending order.
    """
    found: dict[int, float] = {}
    taken, row = 0.0, 1
    with empty_database(database, folder) as url, closing(Ledger(open_engine(url))) as ledger:
        ledger.prepare()
        attempt = ledger.open_attempt("floor", SPEC)
        for size in sizes:
            while row <= size:
                people = recipients(row, min(PORTION_ROWS, size + 1 - row))
                cuts = range(0, len(people), CHUNK)
                requests = [Request(new_id(), people[start : start + CHUNK]) for start in cuts]
                row += len(people)
                portion = Portion(requests, people[:0], BadRows.of(()), row - 1)
                started = time.perf_counter()
                ours = ledger.claim(attempt, portion)
                taken += time.perf_counter() - started
                if len(ours) != len(requests):
                    raise RuntimeError("somebody else has claimed these")
            found[size] = taken
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="+", choices=("sqlite", "postgresql", "mysql"))
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    given = parser.parse_args()
    work = ROOT / "build" / "benchmarks"
    work.mkdir(parents=True, exist_ok=True)
    for database in given.databases:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            for rows, seconds in measure(database, sorted(given.rows), Path(folder)).items():
                print(f"{database}: {rows:,} rows claimed in {seconds:.2f} s, {seconds / rows * 1e6:.1f} µs a row")


if __name__ == "__main__":
    main()
