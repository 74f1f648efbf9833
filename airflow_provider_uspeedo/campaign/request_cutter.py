# SPDX-License-Identifier: Apache-2.0
"""Cuts recipients into requests: those of the canary are apart, and the first one may be a probe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Any

import numpy as np

from airflow_provider_uspeedo.core.chunks import cut
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.store.records import Request, new_id


class FirstRequest(Enum):
    """Whether the first request of an attempt is a probe, that is: has one recipient."""

    ORDINARY = "no"
    PROBE_UNLESS_SOLE = "unless all that is to be sent fits one request"
    PROBE = "yes"


class RequestCutter:
    """Cuts requests; the first ``canary`` recipients have some of their own, and the very first one may, too."""

    def __init__(self, size: int, canary: int, first_request: FirstRequest) -> None:
        self._size = size
        self._canary = canary
        self._first_request = first_request

    def end_of_full_requests(self, row_numbers: np.ndarray[Any, Any]) -> int:
        """The row of the last recipient that fills a request; 0 if there are too few to fill one."""
        before = self._canary or int(self._first_request is not FirstRequest.ORDINARY)
        full = (len(row_numbers) - before) // self._size * self._size
        return int(row_numbers[before + full - 1]) if full > 0 else 0

    def requests_of(self, recipients: RecipientBatch, *, is_last: bool) -> list[Request]:
        """Requests with all of the recipients.

        :param is_last: there are no others.
        """
        if not len(recipients):
            return []
        first_request, self._first_request = self._first_request, FirstRequest.ORDINARY
        canary, others = recipients[: self._canary], recipients[self._canary :]
        self._canary -= len(canary)
        if first_request is FirstRequest.ORDINARY:
            return [*self._requests(canary, canary=True), *self._requests(others, canary=False)]
        if first_request is FirstRequest.PROBE_UNLESS_SOLE and is_last:
            requests = [*self._requests(canary, canary=True), *self._requests(others, canary=False)]
            if len(requests) == 1:
                return [replace(requests[0], sole=True)]
        probe = Request(new_id(), recipients[:1], canary=bool(canary))
        canary, others = (canary[1:], others) if canary else (canary, others[1:])
        return [probe, *self._requests(canary, canary=True), *self._requests(others, canary=False)]

    def _requests(self, recipients: RecipientBatch, *, canary: bool) -> Iterator[Request]:
        return (Request(new_id(), chunk, canary) for chunk in cut(recipients, self._size))
