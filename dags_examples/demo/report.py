# SPDX-License-Identifier: Apache-2.0
"""What became of a campaign, asked of the results table and written for people."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone
from airflow_provider_uspeedo.core.statuses import STATUSES, Status

FAILURES = 8
"""Failures that are shown."""


class Results:
    """The results table of one campaign.

    :param ledger: the SQLite file that it is in.
    """

    def __init__(self, ledger: Path, campaign: str) -> None:
        self.ledger = ledger
        self.query = f"SELECT status, count(*) FROM uspeedo_results WHERE campaign_id = '{campaign}' GROUP BY status"  # noqa: S608 - the demo's own name, shown to be copied
        self._campaign = campaign

    def counts(self) -> dict[str, int]:
        """Status to rows, in the usual order; statuses without rows are left out."""
        found = dict(self._ask("SELECT status, count(*) FROM uspeedo_results WHERE campaign_id = ? GROUP BY status"))
        return {status: found[status] for status in STATUSES if status in found}

    def failures(self) -> list[tuple[str, ...]]:
        """The first rows that did not succeed: row, masked phone, status, reason."""
        rows = self._ask(
            f"SELECT row_number, phone, status, reason FROM uspeedo_results WHERE campaign_id = ? "  # noqa: S608 - three words of our own
            f"AND status IN ('{Status.REJECTED}', '{Status.INVALID}', '{Status.UNKNOWN}') "
            f"ORDER BY row_number LIMIT {FAILURES}"
        )
        return [(str(row), mask_phone(phone or ""), status, mask_digits(why)) for row, phone, status, why in rows]

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.ledger)) as connection:
            return connection.execute(query, (self._campaign,)).fetchall()


def counts_table(counts: dict[str, int]) -> Iterator[str]:
    """One line for each status, and their sum."""
    rows = [*((status, f"{count:,}") for status, count in counts.items()), ("total", f"{sum(counts.values()):,}")]
    lines = list(columns(("status", "rows"), rows, right=(1,)))
    yield from lines[:-1]
    yield "  " + "-" * (len(lines[0]) - 2)
    yield lines[-1]


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> Iterator[str]:
    """Lines with aligned columns.

    :param right: the columns that are aligned to the right.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield ("  " + "  ".join(cells)).rstrip()
