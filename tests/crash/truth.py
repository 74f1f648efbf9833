# SPDX-License-Identifier: Apache-2.0
"""What the results relation says, compared row by row with what the vendor wrote down.

It reads the ledger with ``sqlite3`` alone and the phones from a list made by hand: the package does not judge itself.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash.people import CHUNK_SIZE, Row


class Line(NamedTuple):
    """One line of the results relation."""

    row_number: int | None
    key: str | None
    phone: str
    status: str
    session_no: str | None


@dataclass(frozen=True)
class Arrival:
    """One request that reached the vendor. ``told``: its answer said what became of each number."""

    number: int
    fault: str | None
    phones: list[str]
    accepted: list[str]
    rejected: list[str]
    told: bool
    session: str | None


def read_lines(ledger: Path) -> list[Line]:
    query = "SELECT row_number, recipient_key, phone, status, session_no FROM uspeedo_results ORDER BY row_number"
    connection = sqlite3.connect(ledger)
    try:
        return [Line(*row) for row in connection.execute(query)]
    finally:
        connection.close()


def read_arrivals(journal: Path) -> list[Arrival]:
    return [Arrival(**json.loads(line)) for line in journal.read_text().splitlines()] if journal.exists() else []


class Truth:
    """The vendor's side of the story.

    :param crashes: how many requests may have been under way when a try died: for each, as many rows as a request
        holds may be *unknown* though the vendor knows better.
    :param resolved: a person who can read the vendor's journal has spoken.
    :param partly_read: the last try stopped before it had read its whole table.
    """

    def __init__(
        self, arrivals: Sequence[Arrival], *, crashes: int = 0, resolved: bool = False, partly_read: bool = False
    ) -> None:
        self.arrivals = arrivals
        self._leeway = CHUNK_SIZE * (crashes + sum(not arrival.phones for arrival in arrivals))
        self._resolved = resolved
        self._partly_read = partly_read
        self.accepted = Counter(phone for arrival in arrivals for phone in arrival.accepted)

    def complaints(
        self, rows: Sequence[Row], lines: Sequence[Line], summary: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Everything that the results say wrongly of this table; empty if they tell the truth.

        :param summary: what the last try said, if it read its whole table and no other try was about.
        """
        return [
            *(f"{phone} was texted {times} times" for phone, times in self.accepted.items() if times > 1),
            *self._rows_are_there(rows, lines),
            *self._statuses(rows, lines),
            *self._nobody_is_missing(rows, lines),
            *(_counts(lines, summary) if summary else ()),
        ]

    def status(self, phone: str) -> str:
        """What a ledger that missed no answer would say."""
        of_phone = [arrival for arrival in self.arrivals if phone in arrival.phones]
        taken = [arrival for arrival in of_phone if phone in arrival.accepted]
        if any(arrival.told or self._resolved for arrival in taken):
            return "accepted"
        if taken:
            return "unknown"
        if any(phone in arrival.rejected and arrival.told for arrival in of_phone):
            return "rejected"
        return "unknown" if any(not arrival.told for arrival in of_phone) else "not_sent"

    def _rows_are_there(self, rows: Sequence[Row], lines: Sequence[Line]) -> Iterator[str]:
        times = Counter(line.row_number for line in lines if line.row_number is not None)
        for number in sorted(times.keys() | set(range(1, len(rows) + 1))):
            if times[number] > 1 or (not times[number] and not self._partly_read) or number > len(rows):
                yield f"row {number} has {times[number]} lines"

    def _statuses(self, rows: Sequence[Row], lines: Sequence[Line]) -> Iterator[str]:
        missed = 0
        for line in lines:
            row = rows[line.row_number - 1] if line.row_number is not None and line.row_number <= len(rows) else None
            person = row.person if row else line.phone
            if line.status not in self._allowed(row, person) or not self._is_from_its_request(line, person):
                truth = self.status(person) if person else "nobody"
                yield f"row {line.row_number} is {line.status} (session {line.session_no}), the truth is {truth}"
            missed += line.status == "unknown" != self.status(person or "")
        if missed > self._leeway:
            yield f"{missed} rows are unknown without need"

    def _allowed(self, row: Row | None, person: str | None) -> set[str]:
        if row is None:
            return {"unknown", self.status(person or "")}
        if row.sendable:
            return {"unknown", self.status(person or ""), "duplicate"}
        # Wrong today, but what an earlier try did with the person is what counts.
        return {"invalid"} | ({"unknown", "duplicate", self.status(person)} - {"not_sent"} if person else set())

    def _is_from_its_request(self, line: Line, person: str | None) -> bool:
        if line.status != "accepted":
            return True
        took = [arrival.session for arrival in self.arrivals if person in arrival.accepted]
        return line.phone == person and (line.session_no in took or (self._resolved and line.session_no is None))

    def _nobody_is_missing(self, rows: Sequence[Row], lines: Sequence[Line]) -> Iterator[str]:
        """Each person has one line that is not a duplicate's; whoever was texted has it whatever became of the rows."""
        heads = Counter(line.phone for line in lines if line.status not in ("duplicate", "invalid") and line.phone)
        wanted = set(self.accepted)
        if not self._partly_read:
            wanted |= {row.person for row in rows if row.sendable and row.person}
        yield from (
            f"{person} has {heads[person]} lines" for person in sorted(wanted | heads.keys()) if heads[person] != 1
        )


def _counts(lines: Sequence[Line], summary: Mapping[str, Any]) -> Iterator[str]:
    counted = Counter(line.status for line in lines if line.row_number is not None)
    statuses = ("accepted", "rejected", "invalid", "duplicate", "suppressed", "unknown", "not_sent")
    for status in statuses:
        if counted[status] != summary[status]:
            yield f"the summary says {summary[status]} {status}, the results say {counted[status]}"
    if summary["rows"] != sum(summary[status] for status in statuses):
        yield "the summary does not add up"
