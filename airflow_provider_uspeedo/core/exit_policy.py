# SPDX-License-Identifier: Apache-2.0
"""How a try ends: well, to be tried again, or with something only a person can mend. Pure, and in one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import Summary

RUNBOOK = "docs/runbook.md"


class End(Enum):
    """What should follow."""

    SUCCESS = "success"
    RETRY = "retry"
    """A later try can mend it, and sends only what was not sent."""
    FAIL = "fail"
    """No retry can mend it: a person must."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a try ends, in words."""

    end: End
    message: str


def judge(
    summary: Summary,
    *,
    phone_column: str,
    cause: str = "",
    halted: str = "",
    stopped: bool = False,
    elsewhere: bool = False,
    complete: bool = True,
    sliced: bool = False,
) -> Verdict:
    """The end of a try.

    :param cause: what stopped the campaign before its time, in words; empty if nothing did.
    :param halted: the section of the runbook, if a person or a brake stopped it: no retry goes on by itself.
    :param stopped: somebody stopped the task.
    :param elsewhere: another try of the campaign still has a request under way.
    :param complete: the whole table was read.
    :param sliced: it was a slice of a table, of which nothing follows for the phone column.
    """
    told = tell(summary) if complete else f"Rows that it had not read yet are not counted. {tell(summary)}"
    if stopped:
        return _end(End.RETRY, f"The task was stopped. {told} The next try goes on.", "stopped")
    if halted:
        return _end(End.FAIL, f"{cause} {told}", halted)
    if cause:
        return _end(End.RETRY, f"The campaign stopped: {cause} {told}", "the-campaign-stopped")
    if summary[Status.NOT_SENT]:
        text = f"{_were(summary[Status.NOT_SENT])} not sent. {told} A later try sends only those."
        return _end(End.RETRY, text, "not-sent")
    if summary[Status.UNKNOWN] and elsewhere:
        text = f"Another try of this campaign has a request under way or died in one. {told} Look again later."
        return _end(End.RETRY, text, "in-flight")
    if summary[Status.UNKNOWN]:
        text = (
            f"{counted(summary[Status.UNKNOWN], 'recipient')} may or may not have been texted: the answer was lost. "
            f"{told} "
            "No later try texts them again: find out at USpeedo whether they arrived, then resolve them as sent or as "
            "not sent."
        )
        return _end(End.FAIL, text, "unknown")
    if summary.rows and not (summary[Status.ACCEPTED] + summary[Status.REJECTED]) and not sliced:
        text = (
            f"{'The only row cannot' if summary.rows == 1 else f'None of the {summary.rows:,} rows can'} be sent; is "
            f"{phone_column!r} the phone column?"
            f"{_first_reason(summary)} {told}"
        )
        return _end(End.FAIL, text, "no-sendable-row")
    return Verdict(End.SUCCESS, told)


def tell(summary: Summary) -> str:
    """The counts in one sentence."""
    counts = ", ".join(f"{summary[status]:,} {status}" for status in STATUSES if summary[status])
    where = f"connection {summary.results_conn_id!r}" if summary.results_conn_id else "the local SQLite ledger"
    return (
        f"Of {counted(summary.rows, 'row')}: {counts or 'none'}; {summary.accepted_now:,} accepted now, by "
        f"{counted(summary.requests, 'request')}. Campaign {summary.campaign_id!r}, table {summary.results_table} in "
        f"{where}."
    )


def _were(number: int) -> str:
    return f"{counted(number, 'recipient')} {'was' if number == 1 else 'were'}"


def _first_reason(summary: Summary) -> str:
    first = next((failure for failure in summary.failures if failure.status == Status.INVALID), None)
    return f" Row {first.row_number}: {first.reason}." if first else ""


def _end(end: End, text: str, section: str) -> Verdict:
    return Verdict(end, f"{text} See {RUNBOOK}#{section}.")
