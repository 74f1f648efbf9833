# SPDX-License-Identifier: Apache-2.0
"""Sends to the canary first, and to the other recipients only once it has passed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import replace

from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Attempt, Request, new_id


class Canary:
    """The canary of one attempt.

    :param size: recipients that are sent to first; 0: there is no canary.
    :param left_out: how many recipients rules have left out so far.
    """

    def __init__(
        self,
        ledger: Ledger,
        attempt: Attempt,
        guards: Guards,
        stop_signal: StopSignal,
        size: int,
        *,
        left_out: Callable[[], int],
    ) -> None:
        self._ledger = ledger
        self._attempt = attempt
        self._guards = guards
        self._stop_signal = stop_signal
        self._size = size
        self._left_out = left_out
        self.deliveries: list[Future[None]] = []
        """Its requests that are being sent, or were."""

    def first(self, requests: Iterator[Request]) -> Iterator[Request]:
        """The requests in their order, those after the canary once it has passed.

        Where rules left out all of the canary, the next recipients take its place: nothing else is sent before some
        canary has passed.
        """
        waiting = bool(self._size)
        for request in requests:
            while waiting and not request.canary and len(request.recipients):
                waiting = not self._has_passed()
                if waiting:
                    first, request = self._ledger.split(self._attempt, request, self._size, new_id())  # noqa: PLW2901
                    if len(first.recipients):
                        yield replace(first, canary=True)
            if len(request.recipients):
                yield request
        if waiting and self.deliveries:
            self._has_passed()

    def _has_passed(self) -> bool:
        """Waits until the canary is answered; false if rules left out all of its recipients.

        :raises CampaignHalted: it did not pass.
        :raises USpeedoError: another attempt has taken all of it.
        """
        wait(self.deliveries)
        if self._stop_signal:
            return True  # nothing more is sent anyway
        if not self._guards.has_answers and self._left_out():
            return False
        self._guards.check_canary()
        return True
