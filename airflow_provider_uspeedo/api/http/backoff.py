# SPDX-License-Identifier: Apache-2.0
"""When a call may be made again, and after how long.

A send is made again only if it surely reached nobody; a question whenever another try may help.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import tenacity

from airflow_provider_uspeedo.errors import CallError, NotSent, Refused

LONGEST_WAIT = 300.0
"""Seconds. A server that asks to wait for longer is obeyed by giving up."""


def again(
    stop_event: threading.Event | None = None,
    *,
    tries: int = 5,
    first: float = 0.5,
    most: float = 30.0,
) -> tenacity.Retrying:
    """Make the policy for repeating a send that surely did not reach anybody; a new one for each send.

    Only :class:`~.NotSent` is repeated, after an exponential wait with jitter that is never shorter than the server
    asks; one whose timestamp was refused is repeated at once, and once in all. The last error is raised as it is.

    :param stop_event: once set, a wait ends and the error is raised: nothing is sent any more.
    :param tries: in total.
    :param first: seconds, the shortest first wait.
    :param most: seconds, the longest wait by itself.
    """
    return _retrying(_is_not_sent, stop_event, tries=tries, first=first, most=most)


def again_asking(*, tries: int = 4, first: float = 0.5, most: float = 10.0) -> tenacity.Retrying:
    """Make the policy for repeating a question: any failed call but one that is refused for good."""
    return _retrying(_may_be_asked_again, None, tries=tries, first=first, most=most)


def _retrying(
    harmless: Callable[[BaseException], bool],
    stop_event: threading.Event | None,
    *,
    tries: int,
    first: float,
    most: float,
) -> tenacity.Retrying:
    policy = _Policy(harmless, stop_event or threading.Event(), first, most)
    return tenacity.Retrying(
        retry=policy.retry,
        wait=policy.wait,
        sleep=policy.sleep,
        stop=tenacity.stop_after_attempt(tries),
        reraise=True,
    )


class _Policy:
    def __init__(
        self, harmless: Callable[[BaseException], bool], stop_event: threading.Event, first: float, most: float
    ) -> None:
        self._harmless = harmless
        self._stop_event = stop_event
        self._most = most
        self._exponential = tenacity.wait_exponential(multiplier=first, max=most) + tenacity.wait_random(0, first)
        self._error: BaseException | None = None
        self._signed_again = False

    def retry(self, state: tenacity.RetryCallState) -> bool:
        """Decide whether another try is harmless and may help."""
        if state.attempt_number == 1:
            self._signed_again = False
        self._error = error = None if state.outcome is None else state.outcome.exception()
        if error is None or not self._harmless(error) or self._stop_event.is_set():
            return False
        if isinstance(error, NotSent) and error.sign_again:
            first_time, self._signed_again = not self._signed_again, True
            return first_time
        return _asked_wait(error) <= LONGEST_WAIT

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Give the seconds until the next try."""
        if isinstance(self._error, NotSent) and self._error.sign_again:
            return 0.0
        return max(_asked_wait(self._error), min(self._most, self._exponential(state)))

    def sleep(self, seconds: float) -> None:
        """Wait, and give up if the stop comes meanwhile."""
        if self._stop_event.wait(seconds) and self._error is not None:
            raise self._error


def _asked_wait(error: BaseException | None) -> float:
    return error.retry_after or 0.0 if isinstance(error, NotSent) else 0.0


def _is_not_sent(error: BaseException) -> bool:
    return isinstance(error, NotSent)


def _may_be_asked_again(error: BaseException) -> bool:
    return isinstance(error, CallError) and not isinstance(error, Refused)
