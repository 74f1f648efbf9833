# SPDX-License-Identifier: Apache-2.0
"""The life of one claimed request: mark it *sending*, send it once, record what came back.

Whatever happens after *mark sending* is recorded as what it is: an answer, surely nothing, or nobody knows. Only what
surely reached nobody is tried again, as a new request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import cast

from airflow_provider_uspeedo.api.http.backoff import retry_not_sent
from airflow_provider_uspeedo.api.request.body import WrittenContent
from airflow_provider_uspeedo.api.request.builders import write_content
from airflow_provider_uspeedo.api.response.outcomes import ACCEPTED as ALL_WELL
from airflow_provider_uspeedo.api.response.outcomes import outcomes
from airflow_provider_uspeedo.api.response.send_answer import SendAnswer
from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.campaign.rate_limiter import RateLimiter
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.chunks import by_template_and_sender
from airflow_provider_uspeedo.core.recipient_batch import Contact, RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.errors import (
    ConfigurationError,
    LedgerError,
    LedgerUnavailable,
    NotSent,
    OutcomeUnknown,
    Refused,
    USpeedoError,
)
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer, Attempt, Request, new_id

log = logging.getLogger(__name__)

Send = Callable[[WrittenContent], SendAnswer]
"""One call to the API: at most one HTTP request, or an error that says what may be done next."""


class Sender:
    """Sends the requests of one attempt; any number of threads may use it."""

    def __init__(
        self, ledger: Ledger, attempt: Attempt, send: Send, halt: StopSignal, pace: RateLimiter, brakes: Guards
    ) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._send = send
        self._halt = halt
        self._pace = pace
        self._brakes = brakes

    def deliver(self, request: Request, writing: Future[WrittenContent]) -> None:
        """Sends one claimed request, and stops the campaign if going on makes no sense.

        :param writing: its content; see :func:`write`.
        """
        try:
            content = writing.result()
            for trial in retry_not_sent(self._halt.event):
                with trial:
                    if trial.retry_state.attempt_number > 1:
                        log.info("Trying again to send to %d recipients.", len(request.recipients))
                        request = self._ledger.renew(self._attempt, request, new_id())
                        if not request.recipients:
                            return
                        content = write(request)
                    self._try(request, content)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing more may leave; the campaign tells it
            self._halt.because(error)

    def _try(self, request: Request, content: WrittenContent) -> None:
        """Sends a request if it is still ours. Raises only if it surely reached nobody, or nothing may follow."""
        self._pace.wait(self._halt.event)
        if self._halt or not self._mark_sending(request):
            return
        try:
            answer = self._send(content)
        except OutcomeUnknown as error:
            self._mark_unknown(request, error)
            self._brakes.tell(Status.UNKNOWN for _ in request.recipients)
        except (NotSent, Refused, ConfigurationError) as error:
            self._release(request, error)
            raise
        except BaseException as error:
            # Whatever it is, it came after *sending* was marked: nobody can say that nothing left.
            self._mark_unknown(request, OutcomeUnknown(f"{type(error).__name__} while sending"))
            raise
        else:
            self._settle(request, content, answer)

    def _mark_sending(self, request: Request) -> bool:
        try:
            return self._ledger.mark_sending(self._attempt, request.id)
        except LedgerUnavailable as error:
            # The mark may have been committed all the same, and nothing has left: it must not look like a lost answer.
            self._halt.because(error)
            self._release(request, error)
            raise

    def _settle(self, request: Request, content: WrittenContent, answer: SendAnswer) -> None:
        session_no = ",".join(answer.session_nos) or None
        # Where the answer names nobody, one thing became of all of them.
        sent: Sequence[Contact | Recipient] = _contacts(content) if answer.failures else request.recipients
        found = outcomes(answer, sent)
        differing = (
            ()
            if all(outcome is ALL_WELL for outcome in found)
            else tuple(
                (one.key, outcome.status, outcome.reason)
                for one, outcome in zip(sent, found, strict=True)
                if outcome.status != Status.ACCEPTED
            )
        )
        record = Answer(session_no, answer.ret_code, answer.request_id, differing)
        facts = (request.id.hex(), session_no, answer.ret_code, len(found), len(differing))
        lost = "Settle by hand: request %s, SessionNo %s, RetCode %s, %d recipients, %d of them not accepted."
        try:
            settled = self._ledger.settle(self._attempt, request.id, record)
        except LedgerError:
            # The error itself is raised and told once.
            log.error("The ledger is away and an answer is lost to it. " + lost, *facts)  # noqa: G003, TRY400
            raise
        if not settled:
            log.error("The ledger does not take an answer: was the campaign pruned? " + lost, *facts)  # noqa: G003
        self._brakes.tell([outcome.status for outcome in found])

    def _release(self, request: Request, error: USpeedoError) -> None:
        ret_code, vendor_request_id = _facts(error)
        log.warning("%d recipients were surely not texted: %s", len(request.recipients), error)
        self._ledger.release(
            self._attempt, request.id, ret_code=ret_code, vendor_request_id=vendor_request_id, reason=str(error)
        )

    def _mark_unknown(self, request: Request, error: OutcomeUnknown) -> None:
        ret_code, vendor_request_id = _facts(error)
        log.warning("Nobody knows whether %d recipients were texted: %s", len(request.recipients), error)
        self._ledger.mark_unknown(
            self._attempt, request.id, ret_code=ret_code, vendor_request_id=vendor_request_id, reason=str(error)
        )


def write(request: Request) -> WrittenContent:
    """Write the content of a request: work that need not wait for the ledger, nor the ledger for it."""
    return write_content(by_template_and_sender(request.recipients))


def _contacts(content: WrittenContent) -> list[Contact]:
    """The recipients that an answer may name, in the order in which they were sent."""
    return [contact for group in content.groups for contact in cast("RecipientBatch", group.targets).contacts()]


def _facts(error: Exception) -> tuple[int | None, str]:
    """The API's ``RetCode`` and the vendor's id of the request, as far as the error has them."""
    return getattr(error, "ret_code", None), getattr(error, "vendor_request_id", "")
