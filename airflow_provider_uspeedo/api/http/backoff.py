# SPDX-License-Identifier: Apache-2.0
"""Whether a failed call is attempted once more, and after how long.

A send is repeated only if it surely was not accepted; a query whenever another attempt may help.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from airflow_provider_uspeedo.errors import CallError, NotSent, Refused


@dataclass(frozen=True, slots=True)
class Backoff:
    """How many attempts a call gets, and how long the waits between them are.

    :param attempts: in total.
    :param first_wait: seconds; the shortest first wait. It doubles with each attempt; jitter adds up to as much.
    :param max_wait: seconds; the longest wait that is not asked for by the server.
    :param max_asked_wait: seconds; a server that asks for a longer wait is obeyed by giving up.
    """

    attempts: int
    first_wait: float = 0.5
    max_wait: float = 30.0
    max_asked_wait: float = 300.0


SEND_BACKOFF = Backoff(attempts=5)
QUERY_BACKOFF = Backoff(attempts=4, max_wait=10.0)


def retry_not_sent(stop_event: threading.Event | None = None, *, backoff: Backoff = SEND_BACKOFF) -> tenacity.Retrying:
    """Make the policy for repeating a send that surely was not accepted; a new one for each send.

    Only :class:`~.NotSent` is repeated, after an exponential wait with jitter that is never shorter than the server
    asks; one whose timestamp was refused is repeated at once, and once in all. The last error is raised as it is.

    :param stop_event: once set, a wait ends and the error is raised: nothing more is sent.
    """
    return _retrying(_is_not_sent, stop_event or threading.Event(), backoff)


def retry_query(backoff: Backoff = QUERY_BACKOFF) -> tenacity.Retrying:
    """Make the policy for repeating a query: any failed call but one that is refused for good."""
    return _retrying(_is_passing, threading.Event(), backoff)


def _retrying(
    may_repeat: Callable[[BaseException], bool], stop_event: threading.Event, backoff: Backoff
) -> tenacity.Retrying:
    policy = _Policy(may_repeat, stop_event, backoff)
    return tenacity.Retrying(
        retry=policy.retry,
        wait=policy.wait,
        sleep=policy.sleep,
        stop=tenacity.stop_after_attempt(backoff.attempts),
        reraise=True,
    )


class _Policy:
    def __init__(
        self, may_repeat: Callable[[BaseException], bool], stop_event: threading.Event, backoff: Backoff
    ) -> None:
        self._may_repeat = may_repeat
        self._stop_event = stop_event
        self._backoff = backoff
        self._exponential = tenacity.wait_exponential(
            multiplier=backoff.first_wait, max=backoff.max_wait
        ) + tenacity.wait_random(0, backoff.first_wait)
        self._error: BaseException | None = None
        self._signed_again = False

    def retry(self, state: tenacity.RetryCallState) -> bool:
        """Decide whether another attempt is safe and may help."""
        if state.attempt_number == 1:
            self._signed_again = False
        self._error = error = None if state.outcome is None else state.outcome.exception()
        if error is None or not self._may_repeat(error) or self._stop_event.is_set():
            return False
        if isinstance(error, NotSent) and error.sign_again:
            first_time, self._signed_again = not self._signed_again, True
            return first_time
        return _asked_wait(error) <= self._backoff.max_asked_wait

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Give the seconds until the next attempt."""
        if isinstance(self._error, NotSent) and self._error.sign_again:
            return 0.0
        return max(_asked_wait(self._error), min(self._backoff.max_wait, self._exponential(state)))

    def sleep(self, seconds: float) -> None:
        """Wait, and give up if the stop signal comes meanwhile."""
        if self._stop_event.wait(seconds) and self._error is not None:
            raise self._error


def _asked_wait(error: BaseException | None) -> float:
    return error.retry_after or 0.0 if isinstance(error, NotSent) else 0.0


def _is_not_sent(error: BaseException) -> bool:
    return isinstance(error, NotSent)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, CallError) and not isinstance(error, Refused)
