# SPDX-License-Identifier: Apache-2.0
"""What there is to send to: a file of made-up people, and a database with their invoices."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from dags_examples.demo.people import write_people

ROWS = 1_000
"""People in the file."""
INVOICES_A_DAY = 20
DAYS = range(-1, 8)
"""The days on which invoices are due, counted from today."""


def write_tables(people: Path, warehouse: Path) -> None:
    """Writes both; of the invoices those that are due these days."""
    write_people(people, ROWS)
    today = datetime.now(UTC).date()
    rows = [_invoice(today + timedelta(days=day), number) for day in DAYS for number in range(INVOICES_A_DAY)]
    with closing(sqlite3.connect(warehouse)) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS invoices")
        connection.execute("CREATE TABLE invoices (customer, phone, name, amount, due_on, paid_on)")
        connection.executemany("INSERT INTO invoices VALUES (?, ?, ?, ?, ?, NULL)", rows)


def _invoice(day: date, number: int) -> tuple[str, str, str, str, str]:
    customer = day.toordinal() % 1_000 * INVOICES_A_DAY + number
    return (f"C-{customer:05}", f"+852 6{customer % 1000:03} 0{number:03}", "Ada", f"{number + 5}.50", day.isoformat())
