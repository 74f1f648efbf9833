# SPDX-License-Identifier: Apache-2.0
"""One attempt of a campaign: read, claim, send, settle, and then report the ledger's count of every row.

The calling thread reads the table and claims; ``concurrency`` threads send the claimed requests. Many requests are
claimed in one transaction, each is marked *sending* in one of its own, and nothing is read from the table or sent to
the API inside a transaction.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import numpy as np

from airflow_provider_uspeedo.api.http.backoff import SEND_BACKOFF, Backoff
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.campaign.canary import Canary
from airflow_provider_uspeedo.campaign.circuit_breaker import CircuitBreaker
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.guards import Guards, check_invalid
from airflow_provider_uspeedo.campaign.moment_rules import HOURS, NOT_AFTER
from airflow_provider_uspeedo.campaign.progress import Progress
from airflow_provider_uspeedo.campaign.rate_limiter import RateLimiter
from airflow_provider_uspeedo.campaign.report import Report, summary_of, wait_for_others
from airflow_provider_uspeedo.campaign.request_cutter import FirstRequest
from airflow_provider_uspeedo.campaign.sending import Send, Sender, write
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.campaign.unsent_reasons import unsent_reasons
from airflow_provider_uspeedo.core.exit_policy import NOTHING_BY_TIME, ExcludedByTime
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.summary import Summary
from airflow_provider_uspeedo.errors import CampaignHalted, LedgerError, LedgerUnavailable, USpeedoError
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request
from airflow_provider_uspeedo.prefetch import handed_over, prefetched
from airflow_provider_uspeedo.process_settings import release_memory

log = logging.getLogger(__name__)


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
        """Ends this attempt, and reports what the ledger has of every row, once the answers to others' requests are in.

        :param read_by: the attempt that recorded the rows of this table: this one or an earlier one.
        """
        tallies, elsewhere = wait_for_others(self._ledger, attempt, read_by, self._stop_signal, self._in_flight_timeout)
        countries = self._reading.remarks.countries
        summary = summary_of(self._ledger, attempt, read_by, tallies, countries)
        self._check_rows(summary)
        self._end(attempt, recorded=self._complete and read_by is attempt)
        return Report(
            summary=summary,
            cause=self._stop_signal.cause,
            stopped=bool(self._stop_signal) and self._stop_signal.cause is None,
            elsewhere=elsewhere,
            complete=self._complete,
            by_time=self._by_time(read_by, summary),
            reasons=unsent_reasons(summary, self._guards, self._reading, self._left_out),
        )

    def _by_time(self, read_by: Attempt, summary: Summary) -> ExcludedByTime:
        """The rows that hours and ``not_after`` alone keep from being sent, as the ledger has them."""
        moment = self._reading.moment
        moment.warn()
        if not moment.decides or not summary[Status.NOT_SENT]:
            return NOTHING_BY_TIME
        by_rule = self._ledger.not_sent_by_rule(read_by, (HOURS, NOT_AFTER))
        return ExcludedByTime(by_rule[HOURS], by_rule[NOT_AFTER], moment.next_opening, self._config.rules.not_after)

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

        canary = Canary(
            self._ledger,
            attempt,
            self._guards,
            self._stop_signal,
            self._config.canary or 0,
            left_out=lambda: self._left_out.total() + sender.left_out.total(),
        )
        alone = self._config.max_unknown_requests is not None
        try:
            for request in canary.first(self._claimed(attempt)):
                if not self._acquire(slots):
                    return
                delivery = threads.submit(deliver, request, writer.submit(write, request))
                if request.canary:
                    canary.deliveries.append(delivery)
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
