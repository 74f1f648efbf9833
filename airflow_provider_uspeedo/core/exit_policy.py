# SPDX-License-Identifier: Apache-2.0
"""How an attempt ends: in success, in a failure that a retry can fix, or in one that needs manual action."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import Summary

RUNBOOK = "docs/runbook.md"


class End(Enum):
    """What should follow an attempt."""

    SUCCESS = "success"
    RETRY = "retry"
    """Fail and retry: a later attempt can succeed, and sends only what was not sent."""
    FAIL = "fail"
    """Fail without a retry: it needs manual action."""


@dataclass(frozen=True, slots=True)
class ExitDecision:
    """How an attempt ends, and the message that says so."""

    end: End
    message: str


def decide(
    summary: Summary,
    *,
    phone_column: str,
    cause: str = "",
    halted: str = "",
    unavailable: str = "",
    stopped: bool = False,
    elsewhere: bool = False,
    complete: bool = True,
    sliced: bool = False,
) -> ExitDecision:
    """Decides how an attempt ends.

    :param cause: the message of the error that stopped the campaign early; empty if there was none.
    :param halted: the section of the runbook, if an operator or a guard stopped the campaign: retries do not resume it.
    :param unavailable: the section of the runbook, if the API did not answer.
    :param stopped: the task was told to stop.
    :param elsewhere: another attempt of the campaign has a request in flight.
    :param complete: the whole table was read.
    :param sliced: a slice of a table was read, which says nothing about the phone column.
    """
    counts = describe(summary) if complete else f"Rows that were not read yet are not counted. {describe(summary)}"
    if stopped:
        return _end(End.RETRY, f"The task was stopped. {counts} The next attempt continues.", "stopped")
    if halted:
        return _end(End.FAIL, f"{cause} {counts}", halted)
    left = summary[Status.NOT_SENT] or not complete
    if cause and (left or not unavailable):  # a retry that only hopes for the API would find nothing left to send
        what = "The API did not answer, and the attempt stopped" if unavailable else "The campaign stopped"
        return _end(End.RETRY, f"{what}: {cause} {counts}", unavailable or "the-campaign-stopped")
    if summary[Status.NOT_SENT]:
        text = f"{_were(summary[Status.NOT_SENT])} not sent. {counts} A later attempt sends only these."
        return _end(End.RETRY, text, "not-sent")
    if summary[Status.UNKNOWN] and elsewhere:
        text = f"Another attempt of this campaign has a request in flight, or ended with one. {counts} Retry later."
        return _end(End.RETRY, text, "in-flight")
    if unknown := summary[Status.UNKNOWN]:
        text = (
            f"{counted(unknown, 'recipient')} {'is' if unknown == 1 else 'are'} unknown: the API's answer was lost. "
            f"{counts} No attempt sends to them again by itself: check at USpeedo whether the messages were "
            "accepted, then run `airflow-uspeedo resolve`."
        )
        return _end(End.FAIL, text, "unknown")
    if summary.rows and not (summary[Status.ACCEPTED] + summary[Status.REJECTED]) and not sliced:
        text = (
            f"{'The only row cannot' if summary.rows == 1 else f'None of the {summary.rows:,} rows can'} be sent; is "
            f"{phone_column!r} the phone column?"
            f"{_first_reason(summary)} {counts}"
        )
        return _end(End.FAIL, text, "no-sendable-row")
    return ExitDecision(End.SUCCESS, counts)


def describe(summary: Summary) -> str:
    """Returns the counts in one sentence."""
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


def _end(end: End, text: str, section: str) -> ExitDecision:
    return ExitDecision(end, f"{text} See {RUNBOOK}#{section}.")
