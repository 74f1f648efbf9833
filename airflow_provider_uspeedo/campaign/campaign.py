# SPDX-License-Identifier: Apache-2.0
"""One try of a campaign: read, claim, send, settle, and then tell what the ledger says of every row.

The calling thread reads the table and claims; ``concurrency`` threads send what is claimed. Claims are written for
many requests in one transaction, *sending* is marked one request at a time, and nothing is read from the table or
sent to the API inside a transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.campaign.prefetch import handed_over, prefetched
from airflow_provider_uspeedo.campaign.process_settings import give_back_memory
from airflow_provider_uspeedo.campaign.rate_limiter import RateLimiter
from airflow_provider_uspeedo.campaign.sending import Send, Sender, write
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, ListedFailure, Summary
from airflow_provider_uspeedo.errors import LedgerError, LedgerUnavailable, USpeedoError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request, Tally
from airflow_provider_uspeedo.ledger.store.states import RequestState

log = logging.getLogger(__name__)

CLAIMED_AHEAD = 12
"""Claimed requests that may wait for a thread, beside those being sent: what bounds the memory."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one try has to say.

    :param cause: why it stopped before its time; ``None`` if it did not, or if somebody stopped it.
    :param stopped: somebody stopped it.
    :param elsewhere: another try still has a request under way that concerns this table.
    :param complete: it has read its whole table.
    """

    summary: Summary
    cause: BaseException | None
    stopped: bool
    elsewhere: bool
    complete: bool


class Campaign:
    """One try of one campaign.

    :param send: makes one call to the API; see :data:`.sending.Send`.
    :param patience: seconds to wait for requests that another try has under way; one request time-out.
    """

    def __init__(
        self,
        order: CampaignConfig,
        reading: TableReader,
        ledger: Ledger,
        send: Send,
        halt: StopSignal,
        *,
        patience: float = 30.0,
    ) -> None:
        self._order = order
        self._reading = reading
        self._ledger = ledger
        self._send = send
        self._halt = halt
        self._patience = patience
        self._brakes = Guards(order.max_failure_ratio)
        self._complete = False

    def run(self) -> Report:
        """Sends what is not sent yet; returns when nothing of this try is in flight any more.

        :raises USpeedoError: it could not begin, or the ledger cannot say how it went.
        """
        attempt = self._ledger.open_attempt(
            self._order.campaign_id,
            self._reading.spec,
            part=self._order.part,
            slice_=self._order.slice_,
            name=self._order.attempt_name,
        )
        earlier = self._unchanged(attempt)
        if earlier is None:
            self._send_all(attempt)
        else:
            log.info("The table is the one that try %d has read to its end.", earlier.number)
        try:
            return self._report(attempt, earlier or attempt)
        except LedgerError as error:
            raise LedgerUnavailable(f"The campaign ran, and the ledger cannot say how it went: {error}") from None

    def _unchanged(self, attempt: Attempt) -> Attempt | None:
        """The earlier try that recorded this very table and left nobody to be texted: its lines are this one's, too."""
        whole = self._ledger.complete_reading(attempt)
        if whole is None or whole.fingerprint != self._reading.fingerprint():
            return None
        self._complete = self._ledger.share_reading(attempt, whole.attempt_no)
        return replace(attempt, number=whole.attempt_no) if self._complete else None

    def _report(self, attempt: Attempt, read_by: Attempt) -> Report:
        """Waits for others where it must, ends the try, and asks the ledger how it went.

        :param read_by: the try that recorded the lines of this one's table: itself, or an earlier one.
        """
        tallies = self._ledger.tally(read_by)
        deadline = time.monotonic() + self._patience
        if _under_way_elsewhere(tallies, attempt):
            log.info("Waiting up to %.0f s for the answers to requests of another try.", self._patience)
        while (others := _under_way_elsewhere(tallies, attempt)) and not self._halt and time.monotonic() < deadline:
            self._wait_for(others, deadline)
            tallies = self._ledger.tally(read_by)  # meanwhile the other may have begun its next request
        summary = self._summary(attempt, read_by, tallies)
        self._end(attempt, recorded=self._complete and read_by is attempt)
        return Report(
            summary=summary,
            cause=self._halt.cause,
            stopped=bool(self._halt) and self._halt.cause is None,
            elsewhere=bool(others),
            complete=self._complete,
        )

    def _send_all(self, attempt: Attempt) -> None:
        pace = RateLimiter(self._order.requests_per_second)
        sender = Sender(self._ledger, attempt, self._send, self._halt, pace, self._brakes)
        with (
            ThreadPoolExecutor(self._order.concurrency, thread_name_prefix="uspeedo-send") as threads,
            ThreadPoolExecutor(1, thread_name_prefix="uspeedo-write") as writer,
        ):
            self._hand_out(attempt, sender, threads, writer)

    def _hand_out(
        self, attempt: Attempt, sender: Sender, threads: ThreadPoolExecutor, writer: ThreadPoolExecutor
    ) -> None:
        """Claims and hands out until the table ends."""
        places = threading.BoundedSemaphore(CLAIMED_AHEAD + self._order.concurrency)

        def deliver(request: Request, writing: Future[WrittenContent]) -> None:
            try:
                sender.deliver(request, writing)
            finally:
                places.release()

        canary: list[Future[None]] = []
        waiting = self._order.canary is not None
        try:
            for request in self._claimed(attempt):
                if waiting and not request.canary:
                    waiting = False
                    self._await_canary(canary)
                while not places.acquire(timeout=0.2):
                    if self._halt:
                        return
                delivery = threads.submit(deliver, request, writer.submit(write, request))
                if request.canary:
                    canary.append(delivery)
            if waiting and canary:
                self._await_canary(canary)
        except USpeedoError as error:
            self._halt.because(error)
        except BaseException as error:
            self._halt.because(error)  # what is claimed and waits for a thread must not leave any more
            raise

    def _await_canary(self, deliveries: list[Future[None]]) -> None:
        """Waits until the canary is answered, and goes on only if it has passed.

        :raises CampaignHalted: it has not.
        :raises USpeedoError: another try has taken all of it.
        """
        wait(deliveries)
        if not self._halt:
            self._brakes.check_canary()

    def _claimed(self, attempt: Attempt) -> Iterator[Request]:
        """The requests that are ours, claimed a portion at a time."""

        def unavailable(recipients: RecipientBatch) -> np.ndarray[Any, Any]:
            return self._ledger.unavailable(attempt, recipients)

        for portion in prefetched(self._reading.portions(None if attempt.first else unavailable)):
            if self._halt:
                return
            give_back_memory()
            requests = self._ledger.claim(attempt, portion)
            if requests:
                recipients = sum(len(request.recipients) for request in requests)
                log.info("Claimed %s with %s.", counted(len(requests), "request"), counted(recipients, "recipient"))
            del portion  # its rows are not needed any more, and the next portion is on its way
            yield from handed_over(requests)
        self._complete = True

    def _end(self, attempt: Attempt, *, recorded: bool) -> None:
        """Notes that the try is over. Where the ledger cannot be written, what it says is told all the same.

        :param recorded: it has recorded its whole table.
        """
        fingerprint = self._reading.fingerprint_read() if recorded else None
        try:
            self._ledger.end_attempt(attempt, complete=recorded, fingerprint=fingerprint)
        except LedgerError as error:
            self._halt.because(error)

    def _wait_for(self, others: set[bytes], deadline: float) -> None:
        """Waits until requests of other tries are no longer under way, or the time is up."""
        while others and not self._halt and time.monotonic() < deadline:
            self._halt.event.wait(0.2)
            others = self._ledger.still_sending(others)

    def _summary(self, attempt: Attempt, read_by: Attempt, tallies: Sequence[Tally]) -> Summary:
        counts = {status: sum(t.rows for t in tallies if t.status == status) for status in STATUSES}
        failed = any(counts[status] for status in (Status.REJECTED, Status.INVALID, Status.UNKNOWN))
        return Summary(
            campaign_id=attempt.campaign_id,
            counts=counts,
            accepted_now=sum(t.rows for t in tallies if t.status == Status.ACCEPTED and t.attempt_no == attempt.number),
            requests=self._ledger.requests_sent(attempt),
            session_nos=_sessions(tallies),
            failures=[
                ListedFailure.masked(f.row_number, f.phone, f.user_id, f.status, f.reason)
                for f in (self._ledger.failures(read_by, MAX_FAILURES) if failed else ())
            ],
            results_table=str(self._ledger.results_name),
        )


def _under_way_elsewhere(tallies: Sequence[Tally], attempt: Attempt) -> set[bytes]:
    """Requests of other tries that hold recipients of this reading and are neither answered nor given up."""
    return {
        tally.request_id
        for tally in tallies
        if tally.state == RequestState.SENDING and tally.attempt_no != attempt.number and tally.request_id
    }


def _sessions(tallies: Sequence[Tally]) -> list[str]:
    """Each session once, in the order in which the answers came."""
    texts = (tally.session_no for tally in tallies if tally.session_no)
    return list(dict.fromkeys(number for text in texts for number in text.split(",")))
