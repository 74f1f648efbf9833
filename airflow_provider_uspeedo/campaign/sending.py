# SPDX-License-Identifier: Apache-2.0
"""The life of one claimed request: mark it *sending*, send it once, record what came back.

Everything that happens after *sending* is marked is recorded: an answer, surely not accepted, or unknown. Only what was
surely not accepted is sent again, as a new request. When a request may go, and whether all of it, the circuit breaker
says; of a request that may not go as a whole, one recipient goes as a request of its own.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import cast

from airflow_provider_uspeedo.api.http.backoff import Backoff, retry_not_sent
from airflow_provider_uspeedo.api.http.tracked_connection import elapsed, starting_before
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.api.request.builders import write_content
from airflow_provider_uspeedo.api.response.outcomes import ACCEPTED as ACCEPTED_OUTCOME
from airflow_provider_uspeedo.api.response.outcomes import Outcome, outcomes
from airflow_provider_uspeedo.api.response.send_answer import SendAnswer
from airflow_provider_uspeedo.campaign.circuit_breaker import CircuitBreaker, Turn
from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.campaign.rate_limiter import RateLimiter
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.attempt_log import wrapped
from airflow_provider_uspeedo.core.chunks import by_template_and_sender
from airflow_provider_uspeedo.core.contact_rules import NO_RULES, ContactRules, Exclusion
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.recipient_batch import Contact, RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import (
    CampaignHalted,
    ConfigurationError,
    LedgerError,
    LedgerUnavailable,
    NotSent,
    OutcomeUnknown,
    Refused,
    USpeedoError,
)
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.resolution import MAY_STILL_ARRIVE
from airflow_provider_uspeedo.ledger.store.records import Answer, Attempt, Request, new_id

log = logging.getLogger(__name__)

Send = Callable[[WrittenContent], SendAnswer]
"""One call to the API: at most one HTTP request, or an error that says what may be done next."""

JudgeRecipients = Callable[[RecipientBatch, datetime], Sequence[Exclusion]]
"""The recipients, of some, that may not be sent to at a moment (UTC)."""

MAX_MARK_AGE = MAY_STILL_ARRIVE.total_seconds() / 2
"""Seconds between the mark *sending* and the first byte. ``resolve`` takes a request for dead ``MAY_STILL_ARRIVE``
after its mark, and lets a person say *not sent*: one whose worker was frozen for longer than this is dropped."""


class Sender:
    """Sends the requests of one attempt; safe to share between threads.

    :param rules: by which its requests are marked.
    :param judge: says which recipients of a request the hours and the deadline exclude at a moment; ``None``: none.
    """

    def __init__(
        self,
        ledger: Ledger,
        attempt: Attempt,
        send: Send,
        stop_signal: StopSignal,
        rate_limiter: RateLimiter,
        guards: Guards,
        breaker: CircuitBreaker,
        backoff: Backoff,
        *,
        rules: ContactRules = NO_RULES,
        judge: JudgeRecipients | None = None,
    ) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._send = send
        self._stop_signal = stop_signal
        self._rate_limiter = rate_limiter
        self._guards = guards
        self._breaker = breaker
        self._backoff = backoff
        self._rules = rules
        self._judge = judge
        self._lock = threading.Lock()
        self.left_out: Counter[str] = Counter()
        """Why recipients were left out by their marks, and how many so far."""

    def deliver(self, request: Request, writing: Future[WrittenContent]) -> None:
        """Sends one claimed request, in parts where only probes may go, and stops the campaign on errors.

        :param writing: its content; see :func:`write`.
        """
        try:
            rest = self._deliver_part(request, writing.result())
            while rest is not None:
                rest = self._deliver_part(rest, write(rest))
        except BaseException as error:  # noqa: BLE001 - after any error nothing more may be sent; the campaign reports it
            self._stop_signal.stop_for(error)

    def _deliver_part(self, request: Request, content: WrittenContent) -> Request | None:
        """Sends the request, or one recipient of it; returns what is left of it."""
        rest: Request | None = None
        turn: Turn | None = None
        try:
            for retry in retry_not_sent(self._stop_signal.event, backoff=self._backoff):
                with retry:
                    if retry.retry_state.attempt_number > 1:
                        log.info("Retrying to send to %s.", counted(len(request.recipients), "recipient"))
                        request = self._ledger.renew(self._attempt, request, new_id())
                        if not request.recipients:
                            return rest
                        content = write(request)
                    turn = self._next_turn(turn, sole=request.sole)
                    if turn is None:
                        return None  # the campaign is stopped
                    if turn.probe and len(request.recipients) > 1:
                        request, others = self._ledger.split(self._attempt, request, 1, new_id())
                        rest = others if others.recipients else None  # none: another attempt has taken them over
                        if not request.recipients:
                            return rest
                        content = write(request)
                    self._send_once(request, content, turn)
        finally:
            if turn is not None:
                self._breaker.leave()
        return rest

    def _next_turn(self, turn: Turn | None, *, sole: bool) -> Turn | None:
        """Waits for the right to send now; ``None`` if the campaign is stopped.

        :param turn: the one of a call that was surely not accepted. While it is repeated, no other request gets its
            place, unless there are many.
        """
        while True:
            if turn is not None and not turn.solo:
                self._breaker.leave()
                turn = None
            turn = turn or self._breaker.enter(sole=sole)
            if turn is None:
                return None
            self._rate_limiter.wait(self._stop_signal.event)
            if self._breaker.holds(turn):
                return turn

    def _send_once(self, request: Request, content: WrittenContent, turn: Turn) -> None:
        """Sends a request if it is still ours. Raises if it was surely not accepted, or nothing may follow."""
        marked_at = elapsed()
        if self._stop_signal:
            return
        marked = self._mark_sending(request)
        if len(marked.recipients) < len(request.recipients):
            self._note_left_out(request, marked)
            if not marked.recipients:
                return  # the turn is given back: nothing left, so nothing is known of the API
            request, content = marked, write(marked)  # never what was written with excluded recipients
        try:
            with starting_before(marked_at + MAX_MARK_AGE):
                answer = self._send(content)
        except OutcomeUnknown as error:
            # Before the ledger knows it, which may take long: nothing else may leave meanwhile.
            outage = self._breaker.unanswered(turn, str(error))
            self._mark_unknown(request, error)
            self._guards.report(Status.UNKNOWN for _ in request.recipients)
            if outage is not None:
                raise outage from None
        except (NotSent, Refused, ConfigurationError) as error:
            self._release(request, error)
            raise
        except BaseException as error:
            # Any error after *sending* was marked: the request may have been sent.
            self._mark_unknown(request, OutcomeUnknown(f"{type(error).__name__} while sending"))
            raise
        else:
            self._settle(request, content, answer, turn)

    def _mark_sending(self, request: Request) -> Request:
        """The request with what may be sent now; without recipients if it is not ours any more, or nothing may."""
        judge = None
        if self._judge is not None:
            judge = partial(self._judge, request.recipients)
        try:
            return self._ledger.mark_sending(self._attempt, request, self._rules, judge)
        except (LedgerUnavailable, CampaignHalted) as error:
            # The mark may have been committed before, but nothing was sent: it must not look like a lost answer.
            self._stop_signal.stop_for(error)
            self._release(request, error)
            raise

    def _note_left_out(self, request: Request, marked: Request) -> None:
        for reason, number in marked.left_out:
            log.debug(
                "Left out %s of a request of %d: %s.", counted(number, "recipient"), len(request.recipients), reason
            )
        with self._lock:
            self.left_out.update(dict(marked.left_out))

    def _settle(self, request: Request, content: WrittenContent, answer: SendAnswer, turn: Turn) -> None:
        session_no = ",".join(answer.session_nos) or None
        count, failed = len(request.recipients), len(answer.failures)
        by_hand = "Settle it by hand: request %s, SessionNo %s, RetCode %s, %d recipients, %d of them not accepted."
        facts: tuple[object, ...] = (request.id.hex(), session_no, answer.ret_code)
        try:
            # If the answer names no recipient, all of them have the same outcome.
            sent: Sequence[Contact | Recipient] = _contacts(content) if failed else request.recipients
            found = outcomes(answer, sent)
            differing = (
                ()
                if all(outcome is ACCEPTED_OUTCOME for outcome in found)
                else tuple(
                    (one.key, outcome.status, outcome.reason)
                    for one, outcome in zip(sent, found, strict=True)
                    if outcome.status != Status.ACCEPTED
                )
            )
            failed = len(differing)
            record = Answer(session_no, answer.ret_code, answer.request_id, differing)
            settled = self._ledger.settle(self._attempt, request.id, record)
        except LedgerError:
            # The error itself is raised and reported once.
            log.error(  # noqa: TRY400
                "The ledger is not available and an answer could not be recorded. " + by_hand,  # noqa: G003
                *facts, count, failed,
            )  # fmt: skip
            raise
        except BaseException as error:
            log.error("%s: an answer could not be recorded. " + by_hand, type(error).__name__, *facts, count, failed)  # noqa: G003, TRY400
            raise
        if not settled:
            log.error(
                "The ledger has no such request for an answer: was the campaign pruned? " + by_hand,  # noqa: G003
                *facts, count, failed,
            )  # fmt: skip
        outage = None
        lost = [outcome for outcome in found if outcome.status == Status.UNKNOWN]
        if 2 * len(lost) > count:  # an answer that says nothing of most of them is as good as none
            outage = self._breaker.unanswered(turn, lost[0].reason + ".")
        else:
            self._breaker.answered(turn)
        self._guards.report([outcome.status for outcome in found], _reasons(found))
        if outage is not None:
            raise outage

    def _release(self, request: Request, error: USpeedoError) -> None:
        ret_code, vendor_request_id = _facts(error)
        log.warning("%s", wrapped(f"{counted(len(request.recipients), 'recipient')} not sent to: {error}"))
        self._ledger.release(
            self._attempt, request.id, ret_code=ret_code, vendor_request_id=vendor_request_id, reason=str(error)
        )

    def _mark_unknown(self, request: Request, error: OutcomeUnknown) -> None:
        ret_code, vendor_request_id = _facts(error)
        many = counted(len(request.recipients), "recipient")
        log.warning("%s", wrapped(f"{many} unknown, the request may have been accepted: {error}"))
        self._ledger.mark_unknown(
            self._attempt, request.id, ret_code=ret_code, vendor_request_id=vendor_request_id, reason=str(error)
        )


def write(request: Request) -> WrittenContent:
    """Write the content of a request: work that need not wait for the ledger, nor the ledger for it."""
    return write_content(by_template_and_sender(request.recipients))


def _contacts(content: WrittenContent) -> list[Contact]:
    """The recipients that an answer may name, in the order in which they were sent."""
    return [contact for group in content.groups for contact in cast("RecipientBatch", group.targets).contacts()]


def _reasons(found: Sequence[Outcome]) -> Counter[str]:
    """Why recipients were rejected."""
    return Counter(outcome.reason for outcome in found if outcome.status == Status.REJECTED)


def _facts(error: Exception) -> tuple[int | None, str]:
    """The API's ``RetCode`` and the vendor's id of the request, as far as the error has them."""
    return getattr(error, "ret_code", None), getattr(error, "vendor_request_id", "")
