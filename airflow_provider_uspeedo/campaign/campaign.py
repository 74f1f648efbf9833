# SPDX-License-Identifier: Apache-2.0
"""One attempt of a campaign: read, claim, send, settle, and then report the ledger's count of every row.

The calling thread reads the table and claims; ``concurrency`` threads send the claimed requests. Many requests are
claimed in one transaction, each is marked *sending* in one of its own, and nothing is read from the table or sent to
the API inside a transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from airflow_provider_uspeedo.api.http.backoff import SEND_BACKOFF, Backoff
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign.circuit_breaker import CircuitBreaker
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.guards import Guards, check_invalid
from airflow_provider_uspeedo.campaign.moment_rules import HOURS, NOT_AFTER
from airflow_provider_uspeedo.campaign.prefetch import handed_over, prefetched
from airflow_provider_uspeedo.campaign.process_settings import release_memory
from airflow_provider_uspeedo.campaign.progress import Progress
from airflow_provider_uspeedo.campaign.rate_limiter import RateLimiter
from airflow_provider_uspeedo.campaign.sending import Send, Sender, write
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.campaign.table_reader import FirstRequest, TableReader
from airflow_provider_uspeedo.campaign.unsent_reasons import unsent_reasons
from airflow_provider_uspeedo.core.attempt_log import UnsentReason
from airflow_provider_uspeedo.core.exit_policy import NOTHING_HELD_BACK, HeldBack
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.core.summary import MAX_FAILURES, ListedFailure, Summary
from airflow_provider_uspeedo.errors import CampaignHalted, LedgerError, LedgerUnavailable, USpeedoError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request, Tally, new_id
from airflow_provider_uspeedo.ledger.store.states import RequestState

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one attempt.

    :param cause: the error that stopped it early; ``None`` if none did, or if the task was told to stop.
    :param stopped: the task was told to stop.
    :param elsewhere: another attempt has a request in flight that concerns this table.
    :param complete: the whole table was read.
    :param held_back: which of the rows that are not sent only wait for another moment.
    :param reasons: why rows were not sent, the most frequent first.
    """

    summary: Summary
    cause: BaseException | None
    stopped: bool
    elsewhere: bool
    complete: bool
    held_back: HeldBack = NOTHING_HELD_BACK
    reasons: Sequence[UnsentReason] = ()


class Campaign:
    """One attempt of one campaign.

    :param send: makes one call to the API; see :data:`.sending.Send`.
    :param in_flight_timeout: seconds to wait for requests that another attempt has in flight; one request time-out.
    :param max_waiting_requests: claimed requests that may wait for a thread, beside those in flight; bounds the memory.
    :param backoff: of sends that were surely not accepted.
    """

    def __init__(
        self,
        config: CampaignConfig,
        reading: TableReader,
        ledger: Ledger,
        send: Send,
        stop_signal: StopSignal,
        *,
        in_flight_timeout: float = 30.0,
        max_waiting_requests: int = 12,
        backoff: Backoff = SEND_BACKOFF,
    ) -> None:
        self._config = config
        self._reading = reading
        self._ledger = ledger
        self._send = send
        self._stop_signal = stop_signal
        self._in_flight_timeout = in_flight_timeout
        self._max_waiting_requests = max_waiting_requests
        self._backoff = backoff
        self._guards = Guards(config.max_failure_ratio)
        self._progress = Progress(reading.rows_at_most, self._guards)
        self._complete = False
        self._begun = False
        self._judge_invalid = True
        self._left_out: Counter[str] = Counter()

    def run(self) -> Report:
        """Sends what has not been sent yet; returns when this attempt has nothing in flight.

        :raises USpeedoError: it could not start, or the ledger cannot be read at its end.
        """
        attempt = self._ledger.open_attempt(
            self._config.campaign_id,
            self._reading.spec,
            part=self._config.part,
            slice_=self._config.slice_,
            name=self._config.attempt_name,
            rules=self._config.rules,
        )
        self._reading.continue_campaign(attempt.spec)
        earlier = self._unchanged(attempt)
        if earlier is None:
            self._send_all(attempt)
            self._check_answers()
        else:
            log.info("The table is unchanged since attempt %d, which has recorded all of it.", earlier.number)
        try:
            return self._report(attempt, earlier or attempt)
        except LedgerError as error:
            raise LedgerUnavailable(
                f"The campaign ran, but the ledger cannot be read for its result: {error}"
            ) from None

    def _unchanged(self, attempt: Attempt) -> Attempt | None:
        """The earlier attempt that recorded this very table and left nothing to send; its result rows stand."""
        whole = self._ledger.complete_reading(attempt)
        if whole is None or whole.fingerprint != self._reading.fingerprint():
            return None
        self._judge_invalid = False  # an earlier attempt of this very table was judged, and an operator has gone on
        self._complete = self._ledger.share_reading(attempt, whole.attempt_no)
        return replace(attempt, number=whole.attempt_no) if self._complete else None

    def _report(self, attempt: Attempt, read_by: Attempt) -> Report:
        """Waits for requests of other attempts in flight, ends this attempt, and reads its result from the ledger.

        :param read_by: the attempt that recorded the rows of this table: this one or an earlier one.
        """
        tallies = self._ledger.tally(read_by)
        deadline = time.monotonic() + self._in_flight_timeout
        if _in_flight_elsewhere(tallies, attempt):
            log.info("Waiting up to %.0f s for the answers to requests of another attempt.", self._in_flight_timeout)
        while others := _in_flight_elsewhere(tallies, attempt):
            if self._stop_signal or time.monotonic() >= deadline:
                break
            self._wait_for(others, deadline)
            tallies = self._ledger.tally(read_by)  # the other may have started its next request
        summary = self._summary(attempt, read_by, tallies)
        self._check_rows(summary)
        self._end(attempt, recorded=self._complete and read_by is attempt)
        return Report(
            summary=summary,
            cause=self._stop_signal.cause,
            stopped=bool(self._stop_signal) and self._stop_signal.cause is None,
            elsewhere=bool(others),
            complete=self._complete,
            held_back=self._held_back(read_by, summary),
            reasons=unsent_reasons(summary, self._guards, self._reading, self._left_out),
        )

    def _held_back(self, read_by: Attempt, summary: Summary) -> HeldBack:
        """The rows that hours and ``not_after`` alone keep from being sent, as the ledger has them."""
        moment = self._reading.moment
        moment.warn()
        if not moment.decides or not summary[Status.NOT_SENT]:
            return NOTHING_HELD_BACK
        by_rule = self._ledger.not_sent_by_rule(read_by, (HOURS, NOT_AFTER))
        return HeldBack(by_rule[HOURS], by_rule[NOT_AFTER], moment.next_opening, self._config.rules.not_after)

    def _send_all(self, attempt: Attempt) -> None:
        rate_limiter = RateLimiter(self._config.requests_per_second)
        breaker = CircuitBreaker(self._config.max_unknown_requests, self._stop_signal)
        moment = self._reading.moment
        sender = Sender(
            self._ledger,
            attempt,
            self._send,
            self._stop_signal,
            rate_limiter,
            self._guards,
            breaker,
            self._backoff,
            rules=self._config.rules,
            judge=moment.exclusions if moment.decides else None,
        )
        with (
            self._progress,
            ThreadPoolExecutor(self._config.concurrency, thread_name_prefix="uspeedo-send") as threads,
            ThreadPoolExecutor(1, thread_name_prefix="uspeedo-write") as writer,
        ):
            self._submit_all(attempt, sender, threads, writer)
        self._left_out += sender.left_out

    def _submit_all(
        self, attempt: Attempt, sender: Sender, threads: ThreadPoolExecutor, writer: ThreadPoolExecutor
    ) -> None:
        """Claims requests and submits them to the threads until the table ends."""
        slots = threading.BoundedSemaphore(self._max_waiting_requests + self._config.concurrency)

        def deliver(request: Request, writing: Future[WrittenContent]) -> None:
            try:
                sender.deliver(request, writing)
            finally:
                slots.release()

        canary: list[Future[None]] = []
        alone = self._config.max_unknown_requests is not None
        try:
            for request in self._in_turn(attempt, sender, canary):
                if not self._acquire(slots):
                    return
                delivery = threads.submit(deliver, request, writer.submit(write, request))
                if request.canary:
                    canary.append(delivery)
                if alone:  # the first request: nothing else is sent before it is answered
                    alone = False
                    wait([delivery])
        except USpeedoError as error:
            self._stop_signal.stop_for(error)
        except BaseException as error:
            self._stop_signal.stop_for(error)  # claimed requests that wait for a thread must not be sent
            raise

    def _acquire(self, slots: threading.Semaphore) -> bool:
        """Waits for a slot; false if the campaign is stopped."""
        while not slots.acquire(timeout=0.2):
            if self._stop_signal:
                return False
        return True

    def _in_turn(self, attempt: Attempt, sender: Sender, canary: list[Future[None]]) -> Iterator[Request]:
        """The requests that are ours, those after the canary once it has passed.

        Where rules left out all of the canary, the next recipients take its place: nobody else is sent to before some
        canary has passed.

        :param canary: the deliveries of the canary so far.
        """
        size = self._config.canary or 0
        waiting = bool(size)
        for request in self._claimed(attempt):
            while waiting and not request.canary and len(request.recipients):
                waiting = not self._canary_passed(canary, sender)
                if waiting:
                    first, request = self._ledger.split(attempt, request, size, new_id())  # noqa: PLW2901
                    if len(first.recipients):
                        yield replace(first, canary=True)
            if len(request.recipients):
                yield request
        if waiting and canary:
            self._canary_passed(canary, sender)

    def _canary_passed(self, deliveries: list[Future[None]], sender: Sender) -> bool:
        """Waits until the canary is answered; false if rules left nobody of it to be sent to.

        :raises CampaignHalted: it did not pass.
        :raises USpeedoError: another attempt has taken all of it.
        """
        wait(deliveries)
        if self._stop_signal:
            return True  # nothing more is sent anyway
        if not self._guards.has_answers and self._left_out + sender.left_out:
            return False
        self._guards.check_canary()
        return True

    def _claimed(self, attempt: Attempt) -> Iterator[Request]:
        """The requests that are ours, claimed a portion at a time."""

        def unavailable(recipients: RecipientBatch) -> np.ndarray[Any, Any]:
            return self._ledger.unavailable(attempt, recipients)

        portions = self._reading.portions(None if attempt.first else unavailable, self._first_request(attempt))
        for portion in prefetched(portions):
            if self._stop_signal:
                return
            release_memory()
            left_out: Counter[str] = Counter()
            requests = self._ledger.claim(attempt, portion, self._config.rules, left_out=left_out)
            self._left_out += left_out
            for reason, number in sorted(left_out.items()):
                log.debug("Left out %s: %s.", counted(number, "recipient"), reason)
            if requests and not self._begun:
                self._begun = True
                self._check_before_sending(portion)
            recipients = sum(len(request.recipients) for request in requests)
            self._progress.claimed(portion.read_to, recipients)
            log.debug("Claimed %s with %s.", counted(len(requests), "request"), counted(recipients, "recipient"))
            del portion  # its rows are not needed any more, and the next portion is on its way
            yield from handed_over(requests)
        self._complete = True

    def _first_request(self, attempt: Attempt) -> FirstRequest:
        """Whether the attempt begins with a probe: where it could lose more than one request, or the last ones were."""
        if self._config.max_unknown_requests is None:
            return FirstRequest.ORDINARY
        if not attempt.first and self._ledger.has_unknown_request(attempt):
            return FirstRequest.PROBE
        return FirstRequest.PROBE_UNLESS_SOLE

    def _check_before_sending(self, portion: Portion) -> None:
        """Checks the share of invalid rows before the first message, if the whole table has been read by then.

        The rows of the portion are recorded: the results say which are invalid, and why.

        :raises CampaignHalted: it is too large.
        """
        survey = self._reading.survey
        at_preflight = None if survey is None else survey.invalid
        found = self._reading.invalid_rows() if portion.is_last else at_preflight
        if not self._judge_invalid or found is None:
            return
        self._complete = portion.is_last  # it is, should this end the attempt here
        sliced = not self._config.slice_.is_whole
        check_invalid(self._config.max_invalid_ratio, found, "Nothing was sent in this attempt.", sliced=sliced)
        self._judge_invalid = self._complete = False

    def _check_rows(self, summary: Summary) -> None:
        """Checks the share of invalid rows at the end, if it was not checked before."""
        told_to_stop = bool(self._stop_signal) and self._stop_signal.cause is None
        if not self._judge_invalid or not self._complete or told_to_stop:
            return
        found = replace(self._reading.invalid_rows(), rows=summary.rows, invalid=summary[Status.INVALID])
        left = summary[Status.NOT_SENT]
        others = (
            f"Of the others, {left:,} were not sent to: the next attempt does." if left else "The others were sent to."
        )
        if found.invalid == found.rows:
            others = f"Is {self._config.columns.phone!r} the phone column?"
        try:
            sliced = not self._config.slice_.is_whole
            check_invalid(self._config.max_invalid_ratio, found, others, sliced=sliced)
        except CampaignHalted as halted:
            self._stop_signal.stop_for(halted)

    def _check_answers(self) -> None:
        """Checks the share of rejected recipients once all are answered."""
        if self._stop_signal:
            return
        try:
            self._guards.check_end()
        except CampaignHalted as halted:
            self._stop_signal.stop_for(halted)

    def _end(self, attempt: Attempt, *, recorded: bool) -> None:
        """Records the end of the attempt. If the ledger cannot be written, the result is reported all the same.

        :param recorded: the attempt has recorded its whole table.
        """
        fingerprint = self._reading.fingerprint_read() if recorded else None
        try:
            self._ledger.end_attempt(attempt, complete=recorded, fingerprint=fingerprint)
        except LedgerError as error:
            self._stop_signal.stop_for(error)

    def _wait_for(self, others: set[bytes], deadline: float) -> None:
        """Waits until the requests of other attempts are no longer in flight, at most until the deadline."""
        while others and not self._stop_signal and time.monotonic() < deadline:
            self._stop_signal.event.wait(0.2)
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
            countries=dict(self._reading.remarks.countries),
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
