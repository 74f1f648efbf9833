# SPDX-License-Identifier: Apache-2.0
"""The judge: what a ledger says of every row, held against the vendor's own journal.

It asks the database through its plain driver and shares no code with the package: phones are compared by their
digits, and whatever a row must come to is decided here from the journal and the table alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy.engine import URL

from tests.crash.truth import Arrival, Line
from tests.ledger.servers import select

STATUSES = ("accepted", "rejected", "invalid", "duplicate", "suppressed", "unknown", "not_sent")
HEADS = ("accepted", "rejected", "unknown", "not_sent")
"""Statuses of the one line that tells a person's fate; the other rows of that person are duplicates."""


def complaints(
    journal: Sequence[Arrival],
    ledger: URL,
    campaign_id: str,
    rows: Mapping[int, str | None],
    *,
    finished: bool = False,
    leeway: int = 0,
    summary: Mapping[str, Any] | None = None,
    results_table: str = "uspeedo_results",
) -> list[str]:
    """Everything that the results of one campaign say wrongly; empty if they tell the truth.

    :param journal: of the vendor, all of it; see :func:`tests.crash.truth.read_arrivals`.
    :param rows: the table as the last try was given it: row number (from 1) -> phone as any text with its country
        code, or ``None`` for a row that cannot be sent. Rows with the same digits are one person.
    :param finished: the last try read the whole table, and nothing that could be sent is left.
    :param leeway: recipients that may be *unknown* though the journal knows better, or says nothing of them: at most
        one chunk for each request that was under way when its process died. Looked at only when finished.
    :param summary: what the last try said, if no other one was about.
    """
    lines = read_lines(ledger, campaign_id, results_table)
    case = Case(journal, lines, rows, finished, leeway)
    return [*case.complaints(), *(_told_otherwise(lines, summary) if summary else ())]


def read_lines(ledger: URL, campaign_id: str, results_table: str = "uspeedo_results") -> list[Line]:
    """The results of one campaign, as anybody would SELECT them."""
    # The name of the first column is a word of MariaDB's own.
    row_number = "`row_number`" if ledger.get_backend_name() == "mysql" else "row_number"
    named = campaign_id.replace("'", "''")
    found = select(
        ledger,
        f"SELECT {row_number}, recipient_key, phone, status, session_no FROM {results_table} "
        f"WHERE campaign_id = '{named}'",
    )
    return sorted((Line(*row) for row in found), key=lambda line: (line.row_number is None, line.row_number or 0))


def digits(phone: str | None) -> str:
    """What makes two phones the same."""
    return "".join(filter(str.isdigit, phone or ""))


@dataclass(frozen=True)
class Case:
    """The journal on one side, the lines on the other."""

    journal: Sequence[Arrival]
    lines: Sequence[Line]
    rows: Mapping[int, str | None]
    finished: bool
    leeway: int

    def complaints(self) -> Iterator[str]:
        yield from self._nobody_twice()
        yield from self._rows_are_there()
        yield from self._one_fate_for_each()
        for line in self.lines:
            yield from self._line(line)
        if self.finished:
            yield from self._done()

    # -- what the journal knows, by the digits of a phone -------------------------------------------------------

    @cached_property
    def accepted(self) -> Counter[str]:
        return Counter(digits(phone) for arrival in self.journal for phone in arrival.accepted)

    @cached_property
    def sessions(self) -> dict[str, set[str | None]]:
        """The sessions in which each person was accepted."""
        found: dict[str, set[str | None]] = {}
        for arrival in self.journal:
            for phone in arrival.accepted:
                found.setdefault(digits(phone), set()).add(arrival.session)
        return found

    @cached_property
    def rejected(self) -> set[str]:
        return {digits(phone) for arrival in self.journal if arrival.told for phone in arrival.rejected}

    @cached_property
    def in_doubt(self) -> set[str]:
        """Those of whom some answer said nothing."""
        return {digits(phone) for arrival in self.journal if not arrival.told for phone in arrival.phones}

    @cached_property
    def people(self) -> set[str]:
        return {digits(phone) for phone in self.rows.values() if phone is not None}

    # -- what must hold -----------------------------------------------------------------------------------------

    def _nobody_twice(self) -> Iterator[str]:
        yield from (f"{phone} was texted {times} times" for phone, times in self.accepted.items() if times > 1)

    def _rows_are_there(self) -> Iterator[str]:
        """Every row has one line; a try that was stopped may have left some of them unread."""
        times = Counter(line.row_number for line in self.lines if line.row_number is not None)
        if twice := [number for number, found in times.items() if found > 1]:
            yield f"rows {twice} have more than one line"
        if self.finished:
            if missing := sorted(self.rows.keys() - times.keys()):
                yield f"rows {missing} have no line"
            if made_up := sorted(times.keys() - self.rows.keys()):
                yield f"rows {made_up} have a line, and the table has no such rows"

    def _one_fate_for_each(self) -> Iterator[str]:
        """Whoever was texted has one line that says so, whatever became of the table since; the rest are duplicates."""
        heads = [line for line in self.lines if line.status in HEADS]
        fates = Counter(digits(line.phone) for line in heads)
        wanted = self.accepted.keys() | fates.keys()
        yield from (f"{phone} has {fates[phone]} fates" for phone in sorted(wanted) if fates[phone] != 1)
        if self.finished:
            on_rows = {digits(line.phone) for line in heads if line.row_number is not None}
            yield from (f"no row tells the fate of {phone}" for phone in sorted(self.people - on_rows))

    def _line(self, line: Line) -> Iterator[str]:
        """One row: its status is one that the journal bears out, and it is about the right person."""
        phone = digits(line.phone)
        where = f"row {line.row_number} ({phone})"
        if line.status not in STATUSES:
            yield f"{where} has the status {line.status!r}, which is none"
        if line.status == "accepted" and line.session_no not in self.sessions.get(phone, ()):
            yield f"{where} is accepted in session {line.session_no}; the vendor says {self.sessions.get(phone)}"
        if line.status == "rejected" and phone not in self.rejected:
            yield f"{where} is rejected, and the vendor never said so"
        if line.status in ("rejected", "not_sent") and phone in self.accepted:
            yield f"{where} is {line.status}, and the vendor accepted it"
        if line.status == "suppressed":
            yield f"{where} is suppressed, and nobody asked for that"
        if self.finished and line.row_number in self.rows:
            yield from self._own_row(line, where)

    def _own_row(self, line: Line, where: str) -> Iterator[str]:
        person = self.rows[line.row_number or 0]
        if person is None:
            # Wrong today; if the person was texted before the row went bad, or may have been, that is what counts.
            before = any(digits(line.phone) in known for known in (self.accepted, self.in_doubt, self.rejected))
            if line.status not in ("invalid", "unknown") and not before:
                yield f"{where} is {line.status}, and the row cannot be sent"
        elif line.status == "invalid":
            yield f"{where} is invalid, and there is nothing wrong with it"
        elif digits(line.phone) != digits(person):
            yield f"{where} is about somebody else than the table says"

    def _done(self) -> Iterator[str]:
        """Nothing that could be sent is left, and nobody is in doubt without need."""
        left = [line.row_number for line in self.lines if line.status == "not_sent" and line.row_number is not None]
        if left:
            yield f"rows {left} are not sent"
        unknown = {digits(line.phone) for line in self.lines if line.status == "unknown"}
        if len(needless := unknown - self.in_doubt) > self.leeway:
            yield f"{len(needless)} people are unknown without need, and {self.leeway} may be"


def _told_otherwise(lines: Sequence[Line], summary: Mapping[str, Any]) -> Iterator[str]:
    """What a try said of its table is what the results say of it, and adds up."""
    counted = Counter(line.status for line in lines if line.row_number is not None)
    for status in STATUSES:
        if counted[status] != summary[status]:
            yield f"the summary says {summary[status]} {status}, the results say {counted[status]}"
    if summary["rows"] != sum(summary[status] for status in STATUSES):
        yield "the summary does not add up"
