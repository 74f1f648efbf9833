# SPDX-License-Identifier: Apache-2.0
"""Mistakes planted into the loop, each the kind that a tired person makes; the crash test must see every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np

from airflow_provider_uspeedo.api.response.outcomes import ACCEPTED
from airflow_provider_uspeedo.campaign import sending
from airflow_provider_uspeedo.campaign.sending import Sender
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.errors import NotSent, OutcomeUnknown
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol import claims, moves
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.store.states import RequestState


def _as_it_is(_self: Ledger, _attempt: Any, request: Any, *_: Any) -> Any:
    return request


@contextmanager
def claim_after_send() -> Iterator[None]:
    """Recipients are written to the ledger only when their answer is there."""
    claim, mark_sending, settle = Ledger.claim, Ledger.mark_sending, Ledger.settle
    waiting: dict[bytes, Any] = {}
    empty = Portion((), RecipientBatch.of(()), BadRows.of(()), 0)

    def claim_later(self: Ledger, attempt: Any, portion: Any, *_: Any, **__: Any) -> list[Any]:
        waiting.update({request.id: request for request in portion.requests})
        claim(self, attempt, replace(portion, requests=()))
        return list(portion.requests)

    def settle_all(self: Ledger, attempt: Any, request_id: bytes, answer: Any) -> bool:
        (claimed,) = claim(self, attempt, replace(empty, requests=[waiting.pop(request_id)]))
        mark_sending(self, attempt, claimed)
        return settle(self, attempt, request_id, answer)

    with (
        patch.object(Ledger, "claim", claim_later),
        patch.object(Ledger, "mark_sending", _as_it_is),
        patch.object(Ledger, "settle", settle_all),
    ):
        yield


@contextmanager
def lost_answer_is_not_sent() -> Iterator[None]:
    """An answer that did not come is taken for a request that did not arrive."""

    def release(self: Sender, request: Any, error: OutcomeUnknown) -> None:
        self._release(request, error)
        raise NotSent(str(error))

    with patch.object(Sender, "_mark_unknown", release):
        yield


@contextmanager
def mark_sending_after_send() -> Iterator[None]:
    """*Sending* is marked together with the answer, to save a transaction."""
    mark_sending, settle = Ledger.mark_sending, Ledger.settle
    waiting: dict[bytes, Any] = {}

    def mark_later(self: Ledger, attempt: Any, request: Any, *_: Any) -> Any:
        waiting[request.id] = request
        return request

    def settle_all(self: Ledger, attempt: Any, request_id: bytes, answer: Any) -> bool:
        mark_sending(self, attempt, waiting.pop(request_id))
        return settle(self, attempt, request_id, answer)

    with patch.object(Ledger, "mark_sending", mark_later), patch.object(Ledger, "settle", settle_all):
        yield


@contextmanager
def sending_may_be_taken() -> Iterator[None]:
    """What a dead try marked *sending* is taken over like what it only claimed."""
    taken = (RequestState.CLAIMED, RequestState.RELEASED, RequestState.SENDING)
    available = patch.object(claims.Claims, "unavailable", lambda _self, _c, _a, given: np.zeros(len(given), bool))
    with patch.object(moves, "MAY_BE_TAKEN", taken), available:
        yield


@contextmanager
def claim_is_not_looked_at_again() -> Iterator[None]:
    """*Sending* is not tested for being still ours: whoever claimed first sends, taken over or not."""

    def mark(self: Ledger, attempt: Any, request: Any, *_: Any) -> Any:
        requests = self.tables.requests
        change = requests.update().where(requests.c.id == request.id).values(state=RequestState.SENDING)
        self.database.write(lambda connection: connection.execute(change).rowcount)
        return request

    with patch.object(Ledger, "mark_sending", mark):
        yield


@contextmanager
def answered_is_accepted() -> Iterator[None]:
    """Whoever was in a request that was answered is taken for accepted."""
    with patch.object(sending, "outcomes", lambda _answer, targets: [ACCEPTED] * len(targets)):
        yield


MISTAKES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "": nullcontext,
    "claim after send": claim_after_send,
    "a lost answer is not sent": lost_answer_is_not_sent,
    "mark sending after send": mark_sending_after_send,
    "sending may be taken": sending_may_be_taken,
    "claim is not looked at again": claim_is_not_looked_at_again,
    "answered is accepted": answered_is_accepted,
}
