# SPDX-License-Identifier: Apache-2.0
"""What an attempt reports at its end: the ledger's count of every row, once the answers to all requests are in."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.attempt_log import UnsentReason
from airflow_provider_uspeedo.core.exit_policy import NOTHING_BY_TIME, ExcludedByTime
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, ListedFailure, Summary
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Attempt, Tally
from airflow_provider_uspeedo.ledger.store.states import RequestState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one attempt.

    :param cause: the error that stopped it early; ``None`` if none did, or if the task was stopped.
    :param stopped: the task was stopped from outside.
    :param elsewhere: another attempt has a request in flight that concerns this table.
    :param complete: the whole table was read.
    :param by_time: which of the rows that are not sent only wait for another moment.
    :param reasons: why rows were not sent, the most frequent first.
    """

    summary: Summary
    cause: BaseException | None
    stopped: bool
    elsewhere: bool
    complete: bool
    by_time: ExcludedByTime = NOTHING_BY_TIME
    reasons: Sequence[UnsentReason] = ()


def wait_for_others(
    ledger: Ledger, attempt: Attempt, read_by: Attempt, stop_signal: StopSignal, timeout: float
) -> tuple[Sequence[Tally], bool]:
    """The rows as the ledger counts them, and whether another attempt still has a request of theirs in flight.

    :param read_by: the attempt that recorded the rows.
    :param timeout: seconds to wait for the answers to such requests.
    """
    tallies = ledger.tally(read_by)
    deadline = time.monotonic() + timeout
    if _in_flight_elsewhere(tallies, attempt):
        log.info("Waiting up to %.0f s for the answers to requests of another attempt.", timeout)
    while others := _in_flight_elsewhere(tallies, attempt):
        if stop_signal or time.monotonic() >= deadline:
            break
        while others and not stop_signal and time.monotonic() < deadline:
            stop_signal.event.wait(0.2)
            others = ledger.still_sending(others)
        tallies = ledger.tally(read_by)  # the other may have started its next request
    return tallies, bool(others)


def summary_of(
    ledger: Ledger, attempt: Attempt, read_by: Attempt, tallies: Sequence[Tally], countries: Mapping[str, int]
) -> Summary:
    """The summary of an attempt, from the ledger's counts.

    :param countries: country -> phones of the table.
    """
    counts = {status: sum(t.rows for t in tallies if t.status == status) for status in STATUSES}
    failed = any(counts[status] for status in (Status.REJECTED, Status.INVALID, Status.UNKNOWN))
    return Summary(
        campaign_id=attempt.campaign_id,
        counts=counts,
        accepted_now=sum(t.rows for t in tallies if t.status == Status.ACCEPTED and t.attempt_no == attempt.number),
        requests=ledger.requests_sent(attempt),
        session_nos=_sessions(tallies),
        failures=[
            ListedFailure.masked(f.row_number, f.phone, f.user_id, f.status, f.reason)
            for f in (ledger.failures(read_by, MAX_FAILURES) if failed else ())
        ],
        results_table=str(ledger.results_name),
        countries=dict(countries),
    )


def _in_flight_elsewhere(tallies: Sequence[Tally], attempt: Attempt) -> set[bytes]:
    """Requests of other attempts that hold recipients of this table and are neither answered nor given up."""
    return {
        tally.request_id
        for tally in tallies
        if tally.state == RequestState.SENDING and tally.attempt_no != attempt.number and tally.request_id
    }


def _sessions(tallies: Sequence[Tally]) -> list[str]:
    """The distinct session numbers, in the order of the answers."""
    texts = (tally.session_no for tally in tallies if tally.session_no)
    return list(dict.fromkeys(number for text in texts for number in text.split(",")))
