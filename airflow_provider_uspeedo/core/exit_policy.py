# SPDX-License-Identifier: Apache-2.0
"""How an attempt ends: in success, in a failure that a retry can fix, or in one that needs manual action."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import Summary
from airflow_provider_uspeedo.core.what_to_do import what_to_do


class End(Enum):
    """What should follow an attempt."""

    SUCCESS = "success"
    RETRY = "retry"
    """Fail and retry: a later attempt can succeed, and sends only what was not sent."""
    WAIT = "wait"
    """Go on at a known time: all that is left waits for its hours."""
    FAIL = "fail"
    """Fail without a retry: it needs manual action."""


@dataclass(frozen=True, slots=True)
class ExitDecision:
    """How an attempt ends, and the message that says so.

    :param until: the time at which there is something to send again; only of ``End.WAIT``.
    :param warning: a success that needs a look.
    :param section: of the runbook, which the message names; ``""`` if there is nothing to do.
    """

    end: End
    message: str
    until: datetime | None = None
    warning: bool = False
    section: str = ""


@dataclass(frozen=True, slots=True)
class ExcludedByTime:
    """The rows that are not sent only because of the time.

    :param hours: rows outside the hours of the policy that some later moment allows.
    :param not_after: rows that could be sent only after the policy's ``not_after``.
    :param next_opening: the earliest moment at which the hours allow one of them; ``None`` if it is not known.
    :param deadline: ``not_after``.
    """

    hours: int = 0
    not_after: int = 0
    next_opening: datetime | None = None
    deadline: datetime | None = None


NOTHING_BY_TIME = ExcludedByTime()
OTHERS_UNKNOWN = " Others are unknown: they need a decision."
"""Of an end that has another cause, which would hide them."""


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
    by_time: ExcludedByTime = NOTHING_BY_TIME,
) -> ExitDecision:
    """Decides how an attempt ends.

    :param cause: the message of the error that stopped the campaign early; empty if there was none.
    :param halted: the section of the runbook, if an operator or a guard stopped the campaign: retries do not resume it.
    :param unavailable: the section of the runbook, if the API did not answer.
    :param stopped: the task was stopped from outside.
    :param elsewhere: another attempt of the campaign has a request in flight.
    :param complete: the whole table was read.
    :param sliced: a slice of a table was read, which says nothing about the phone column.
    :param by_time: which of the rows that are not sent only wait for another moment.
    """
    counts = describe(summary) if complete else f"Rows that were not read yet are not counted. {describe(summary)}"
    if stopped:
        return _end(End.RETRY, f"The task was stopped. {counts} The next attempt continues.", "stopped")
    if halted:
        unknown = OTHERS_UNKNOWN if summary[Status.UNKNOWN] and not elsewhere else ""
        return _end(End.FAIL, f"{cause} {counts}{unknown}", halted)
    left = summary[Status.NOT_SENT] or not complete
    if cause and (left or not unavailable):  # a retry that only hopes for the API would find nothing left to send
        what = "The API did not answer, and the attempt stopped" if unavailable else "The campaign stopped"
        return _end(End.RETRY, f"{what}: {cause} {counts}", unavailable or "the-campaign-stopped")
    waiting = _by_moment(summary, by_time, counts)
    return waiting or _by_counts(summary, counts, phone_column=phone_column, elsewhere=elsewhere, sliced=sliced)


def _by_counts(summary: Summary, counts: str, *, phone_column: str, elsewhere: bool, sliced: bool) -> ExitDecision:
    """The end of an attempt that nothing has stopped."""
    if summary[Status.NOT_SENT]:
        text = f"{_were(summary[Status.NOT_SENT])} not sent. {counts} A later attempt sends only these."
        return _end(End.RETRY, text, "not-sent")
    if summary[Status.UNKNOWN] and elsewhere:
        text = f"Another attempt of this campaign has a request in flight, or ended with one. {counts} Retry later."
        return _end(End.RETRY, text, "in-flight")
    if unknown := summary[Status.UNKNOWN]:
        text = (
            f"{counted(unknown, 'recipient')} {'is' if unknown == 1 else 'are'} unknown: the API's answer was lost, "
            "or does not say what became of them. "
            f"{counts} No attempt sends to them again by itself: check at USpeedo whether the messages were "
            "accepted, then run `airflow-uspeedo resolve`."
        )
        return _end(End.FAIL, text, "unknown")
    if summary.rows and summary[Status.INVALID] == summary.rows and not sliced:
        text = (
            f"{'The only row cannot' if summary.rows == 1 else f'None of the {summary.rows:,} rows can'} be sent; is "
            f"{phone_column!r} the phone column?"
            f"{_first_reason(summary)} {counts}"
        )
        return _end(End.FAIL, text, "no-sendable-row")
    if _all_suppressed(summary):
        text = f"Every recipient is suppressed, so nothing was sent. {counts} {what_to_do('all-suppressed')}"
        return ExitDecision(End.SUCCESS, text, warning=True, section="all-suppressed")
    return ExitDecision(End.SUCCESS, counts)


def _by_moment(summary: Summary, by_time: ExcludedByTime, counts: str) -> ExitDecision | None:
    """The end of an attempt of which only rows are left that hours and ``not_after`` exclude."""
    left, waiting = summary[Status.NOT_SENT], by_time.hours
    if not left or waiting + by_time.not_after < left:
        return None  # there are others, for which an ordinary retry is worth while
    if waiting:
        if by_time.next_opening is None:
            return None
        text = (
            f"{counted(waiting, 'recipient')} {'waits' if waiting == 1 else 'wait'} for the hours of the policy; the "
            f"next window opens at {utc_text(by_time.next_opening)}. {counts}"
        )
        return ExitDecision(End.WAIT, text, until=by_time.next_opening)
    deadline = f" ({utc_text(by_time.deadline)})" if by_time.deadline else ""
    unknown = OTHERS_UNKNOWN if summary[Status.UNKNOWN] else ""
    text = f"{_were(left)} not sent: the policy's not_after{deadline} leaves no time. {counts}{unknown}"
    return _end(End.FAIL, text, "not-after")


def wait_for_retries(
    decision: ExitDecision, *, now: datetime, retries: int, used: int, retry_delay: timedelta
) -> ExitDecision:
    """The same end for a task that cannot sleep until then: a failure that says which retries reach the time.

    :param decision: one with ``End.WAIT``.
    :param retries: of the task.
    :param used: how many of them have been used.
    :param retry_delay: of the task.
    """
    wait = max((decision.until or now) - now, timedelta())
    left = max(retries - used, 0)
    delay = timedelta(hours=1) if wait > timedelta(hours=2) else timedelta(minutes=10)
    if left and left * retry_delay >= wait:
        reach = f"The retries of this task reach it: {left} left, one every {_duration(retry_delay)}."
    else:
        needed = used + max(-(-wait // delay), 1)
        minutes = int(delay.total_seconds() // 60)
        reach = (
            f"The retries of this task end before ({left} left, one every {_duration(retry_delay)}): set "
            f"deferrable=True, or retries={needed} and retry_delay=timedelta(minutes={minutes})."
        )
    return _end(End.RETRY, f"{decision.message} That is in {_duration(wait)}. {reach}", "outside-hours")


def utc_text(moment: datetime) -> str:
    """A moment to the minute, in UTC.

    >>> utc_text(datetime.fromisoformat("2026-11-22T20:00+08:00"))
    '2026-11-22 12:00 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _duration(given: timedelta) -> str:
    """Hours and minutes, rounded up."""
    hours, minutes = divmod(int(-(-given.total_seconds() // 60)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _all_suppressed(summary: Summary) -> bool:
    """Of the rows that could be read, every one is suppressed."""
    suppressed = summary[Status.SUPPRESSED]
    return bool(suppressed) and suppressed + summary[Status.DUPLICATE] + summary[Status.INVALID] == summary.rows


def describe(summary: Summary) -> str:
    """Returns the counts in one sentence."""
    counts = ", ".join(f"{summary[status]:,} {status}" for status in STATUSES if summary[status])
    where = f"connection {summary.results_conn_id!r}" if summary.results_conn_id else "the local SQLite ledger"
    file = f" {summary.ledger_file}" if summary.ledger_file and not summary.results_conn_id else ""
    now = f"; {sent_now(summary)}"
    return (
        f"Of {counted(summary.rows, 'row')}: {counts or 'none'}{now}. Campaign {summary.campaign_id!r}, table "
        f"{summary.results_table} in {where}{file}.{_by_country(summary)}"
    )


def sent_now(summary: Summary) -> str:
    """What this attempt itself did, after the colon of all rows."""
    if summary.requests or summary.accepted_now:
        return f"{summary.accepted_now:,} accepted now, by {counted(summary.requests, 'request')}"
    answered = summary[Status.ACCEPTED] + summary[Status.REJECTED]
    if not answered or summary[Status.NOT_SENT] or summary[Status.UNKNOWN]:
        return "nothing was sent now"
    if answered + summary[Status.DUPLICATE] == summary.rows and not summary[Status.REJECTED]:
        return "nothing was sent: all were texted before"
    return "nothing was sent: all that can be texted were texted before"


def _by_country(summary: Summary) -> str:
    if not summary.countries:
        return ""
    from airflow_provider_uspeedo.core.countries import describe_countries  # heavy: every country's numbers

    return f" Recipients by country: {describe_countries(summary.countries)}."


def _were(number: int) -> str:
    return f"{counted(number, 'recipient')} {'was' if number == 1 else 'were'}"


def _first_reason(summary: Summary) -> str:
    first = next((failure for failure in summary.failures if failure.status == Status.INVALID), None)
    return f" Row {first.row_number}: {first.reason}." if first else ""


def _end(end: End, text: str, section: str) -> ExitDecision:
    return ExitDecision(end, f"{text} {what_to_do(section)}", section=section)
