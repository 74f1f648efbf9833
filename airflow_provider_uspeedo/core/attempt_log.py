# SPDX-License-Identifier: Apache-2.0
"""What an attempt says of itself at its begin and at its end: short lines, without phones."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airflow_provider_uspeedo.core.exit_policy import sent_now
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import Summary
from airflow_provider_uspeedo.core.what_to_do import what_to_do

WIDTH = 120
"""Characters of the longest line, where its values allow: what is to be copied is not cut."""
_LABEL = 10
_NUMBER = 11
_LEFT_OUT = " ... "


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an attempt begins with.

    :param table: its description; holds no value and no credentials.
    :param rows: how many it has, as far as that is known without reading it.
    :param template: of all rows; ``""`` if a column names it.
    :param template_column: that column.
    :param sender: of all rows; ``""`` for none, or if a column names it.
    :param sender_column: that column.
    :param slice_: such as ``"1/8"``; ``""`` for the whole table.
    :param ledger: where its database is; no user and no password.
    :param results_conn_id: the connection of the ledger; ``None``: the local file.
    :param api: host, port and connection.
    """

    table: str
    rows: int | None
    template: str
    template_column: str | None
    sender: str
    sender_column: str | None
    campaign_id: str
    slice_: str
    ledger: str
    results_table: str
    results_conn_id: str | None
    api: str

    def lines(self) -> Iterator[str]:
        """One for each."""
        yield _labelled("Table", self.table, "" if self.rows is None else f", {counted(self.rows, 'row')}")
        yield _labelled("Template", _value(self.template, self.template_column))
        yield _labelled("Sender", _value(mask_digits(self.sender), self.sender_column))
        yield _labelled("Campaign", repr(self.campaign_id), f", slice {self.slice_}" if self.slice_ else "")
        connection = f"connection {self.results_conn_id!r}" if self.results_conn_id else "the local file"
        yield _labelled("Results", f"table {self.results_table}, {connection}")
        yield _labelled("Ledger", self.ledger)
        yield _labelled("USpeedo", self.api)


@dataclass(frozen=True, slots=True)
class UnsentReason:
    """Why rows have a status other than *accepted*; the text without digits that may be a phone's."""

    rows: int
    status: str
    text: str


def dry_run_lines(summary: Summary) -> Iterator[str]:
    """The counts of a dry run, one line each."""
    yield f"Dry run, nothing was sent. Of {counted(summary.rows, 'row')}:"
    named: dict[str, str] = {Status.NOT_SENT: "would be sent"}
    yield from (_counted(summary[status], named.get(status, status)) for status in STATUSES if summary[status])


def end_lines(summary: Summary, reasons: Sequence[UnsentReason], section: str = "") -> Iterator[str]:
    """The counts, one line each, the reasons of rows that were not sent, and what to do.

    :param reasons: the most frequent first.
    :param section: of the runbook; ``""``: there is nothing to do.
    """
    yield f"Of {counted(summary.rows, 'row')} ({sent_now(summary)}):"
    yield from (_counted(summary[status], status) for status in STATUSES if summary[status])
    if reasons:
        yield "The most frequent reasons of rows that were not accepted:"
        yield from (_counted(one.rows, f"{one.status}: {one.text}") for one in reasons)
    if summary.countries:
        from airflow_provider_uspeedo.core.countries import describe_countries  # heavy: every country's numbers

        yield shortened(f"Recipients by country: {describe_countries(summary.countries)}")
    name = summary.campaign_id.replace("'", "''")
    which = f"FROM {summary.results_table} WHERE campaign_id = '{name}'"
    yield f"The results: SELECT row_number, status, reason {which}"
    if section:
        yield what_to_do(section)


def shortened(line: str) -> str:
    """The line, cut to the width of a screen.

    >>> len(shortened("long " * 100))
    120
    """
    line = " ".join(line.splitlines())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..."


def wrapped(text: str) -> str:
    """The text in lines of the width of a screen; what has no space in it, such as a path, is not cut.

    >>> max(map(len, wrapped("long " * 100).splitlines()))
    119
    """
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _labelled(label: str, text: str, end: str = "") -> str:
    """A label and a value, of which the middle is left out if it is too long: paths differ at their end."""
    text, room = " ".join(text.splitlines()), WIDTH - _LABEL - len(end)
    if len(text) > room:
        half = (room - len(_LEFT_OUT)) // 2
        text = f"{text[:half]}{_LEFT_OUT}{text[-half:]}"
    return f"{label:<{_LABEL}}{text}{end}"


def _value(value: str, column: str | None) -> str:
    return f"column {column!r}" if column else repr(value) if value else "none"


def _counted(number: int, what: str) -> str:
    return shortened(f"{number:>{_NUMBER},}  {what}")
