# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker: an API that does not answer costs what is in flight when the outage begins, and a few probes.

::

    START     nothing is answered yet: one request goes, alone, with one recipient
    FLOWING   as many requests as there are threads
    PROBING   a request was not answered: one request at a time, with one recipient, once nothing else is in flight
    TRYING    a probe was answered: one request of ordinary size, alone; its answer leads back to FLOWING

Requests that were in flight together when the first of them was lost count as one: the number of threads must not
decide whether a moment's outage ends an attempt.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum

from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.errors import ApiUnavailable

_POLL = 0.1
"""Seconds after which a thread that waits for its turn looks at the stop signal."""


class _Mode(Enum):
    START = "start"
    FLOWING = "flowing"
    PROBING = "probing"
    TRYING = "trying"


@dataclass(slots=True)
class Turn:
    """The right to send one request now.

    :param probe: it may have one recipient only.
    :param solo: nothing else is in flight.
    :param outages: the number of outages before it.
    """

    probe: bool
    solo: bool
    outages: int


class CircuitBreaker:
    """Decides what may be sent now; safe to share between threads.

    :param max_unknown_requests: so many requests without an answer in a row stop the attempt, 1 or more; ``None``:
        no limit, and no probes.
    """

    def __init__(self, max_unknown_requests: int | None, stop_signal: StopSignal) -> None:
        self._max_unknown = max_unknown_requests
        self._stop_signal = stop_signal
        self._changed = threading.Condition()
        self._mode = _Mode.START if max_unknown_requests else _Mode.FLOWING
        self._in_flight = 0
        self._outages = 0
        self._unanswered = 0
        """In a row."""
        self._unanswered_large = 0
        """Of requests that were no probes, in a row; probes between them do not count."""

    def enter(self, *, sole: bool = False) -> Turn | None:
        """Waits until a request may be sent; ``None`` if the campaign is stopped.

        Every turn must end with :meth:`leave`.

        :param sole: it is all that the attempt has to send, so that it may be the first request, of any size.
        """
        with self._changed:
            while not self._stop_signal:
                solo = self._mode is not _Mode.FLOWING
                if not (solo and self._in_flight):
                    self._in_flight += 1
                    probe = self._mode is _Mode.PROBING or (self._mode is _Mode.START and not sole)
                    return Turn(probe, solo, self._outages)
                self._changed.wait(_POLL)
            return None

    def holds(self, turn: Turn) -> bool:
        """False if another request was lost since the turn was given: it must be asked for anew."""
        with self._changed:
            return self._max_unknown is None or turn.outages == self._outages

    def leave(self) -> None:
        """Ends a turn, with or without an answer."""
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def answered(self, turn: Turn) -> None:
        """The request of this turn was answered."""
        with self._changed:
            if turn.outages != self._outages:
                return  # sent before the request that was lost: it says nothing about now
            self._unanswered = 0
            if self._mode is _Mode.PROBING:
                self._mode = _Mode.TRYING
            else:
                self._mode = _Mode.FLOWING
                self._unanswered_large = 0
            self._changed.notify_all()

    def unanswered(self, turn: Turn, why: str) -> ApiUnavailable | None:
        """The request of this turn got no answer; from now on only probes go.

        :param why: for the message; holds no phone.
        :returns: the error that must stop the attempt; ``None``: it may go on.
        """
        with self._changed:
            if self._max_unknown is None:
                return None
            if turn.outages == self._outages:  # else it was in flight with one that was counted
                self._outages += 1
                self._unanswered += 1
                self._unanswered_large += not turn.probe
                self._mode = _Mode.PROBING
            in_a_row = max(self._unanswered, self._unanswered_large)
            if in_a_row < self._max_unknown:
                return None
            return ApiUnavailable(
                f"USpeedo did not answer {counted(in_a_row, 'request')} in a row (max_unknown_requests="
                f"{self._max_unknown}), the last one: {why} This attempt sends nothing more."
            )
