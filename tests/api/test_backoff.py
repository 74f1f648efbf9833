# SPDX-License-Identifier: Apache-2.0
"""Whether a failed call is attempted once more."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_uspeedo.api.http.backoff import Backoff, retry_not_sent, retry_query
from airflow_provider_uspeedo.errors import CallError, ConfigurationError, NotSent, OutcomeUnknown, Refused


class Line:
    """A call that fails with each error in turn, and then succeeds."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


class Waits(threading.Event):
    """An event that notes how long it was waited for, and is never late."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return self.is_set()


def test_what_was_not_sent_is_sent_again():
    """Until it succeeds, with waits that grow from the first to the most."""
    line, event = Line(*[NotSent("x")] * 4), Waits()
    assert retry_not_sent(event, backoff=Backoff(attempts=5, first_wait=0.5, max_wait=2.0))(line) == "done"
    assert line.calls == 5
    assert all(
        low <= wait <= high for wait, low, high in zip(event.seconds, (0.5, 1, 2, 2), (1, 1.5, 2, 2), strict=True)
    )


def test_the_last_error_is_raised_as_it_is():
    """No wrapper, after the stated number of attempts."""
    last = NotSent("last")
    line = Line(NotSent("a"), NotSent("b"), last, NotSent("never"))
    with pytest.raises(NotSent) as raised:
        retry_not_sent(Waits(), backoff=Backoff(attempts=3))(line)
    assert raised.value is last
    assert line.calls == 3


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("x"), Refused("x"), ConfigurationError("x"), CallError("x"), ValueError("x")]
)
def test_nothing_else_is_sent_again(error):
    """What may have arrived is never repeated."""
    line = Line(error)
    with pytest.raises(type(error)):
        retry_not_sent(Waits())(line)
    assert line.calls == 1


def test_a_wait_is_never_shorter_than_the_server_asks():
    """Retry-After comes before our own wait."""
    event = Waits()
    retry_not_sent(event)(Line(NotSent("x", retry_after=42.0)))
    assert event.seconds == [42.0]


def test_a_server_that_asks_for_too_long_is_obeyed_by_giving_up():
    """A worker is not kept for an hour; the next attempt of the task sends it."""
    backoff = Backoff(attempts=2, max_asked_wait=60.0)
    assert retry_not_sent(Waits(), backoff=backoff)(Line(NotSent("x", retry_after=60.0))) == "done"
    line = Line(NotSent("x", retry_after=61.0))
    with pytest.raises(NotSent):
        retry_not_sent(Waits(), backoff=backoff)(line)
    assert line.calls == 1


def test_an_old_timestamp_is_signed_anew_once_and_at_once():
    """Also if other failures come between."""
    old, event = NotSent("old", sign_again=True), Waits()
    assert retry_not_sent(event)(Line(old)) == "done"
    assert event.seconds == [0.0]
    line = Line(old, NotSent("busy"), NotSent("old", sign_again=True))
    with pytest.raises(NotSent, match="old"):
        retry_not_sent(Waits())(line)
    assert line.calls == 3


def test_a_policy_may_serve_one_send_after_the_other():
    """What one send used up is there again for the next."""
    policy = retry_not_sent(Waits())
    for _ in range(2):
        assert policy(Line(NotSent("old", sign_again=True))) == "done"


def test_a_stop_before_the_wait_ends_it():
    """Nothing is sent any more once the task gets the stop signal."""
    event = Waits()
    event.set()
    line = Line(NotSent("x"))
    with pytest.raises(NotSent):
        retry_not_sent(event)(line)
    assert line.calls == 1


def test_a_stop_during_the_wait_ends_it():
    """The wait itself is woken up, and raises what it was waiting for."""

    class StoppedMeanwhile(Waits):
        def wait(self, timeout=None):
            self.set()
            return super().wait(timeout)

    line = Line(NotSent("x"))
    with pytest.raises(NotSent, match="x"):
        retry_not_sent(StoppedMeanwhile())(line)
    assert line.calls == 1


def test_it_serves_as_a_loop():
    """The campaign writes a new row for each attempt, so it wants the loop rather than the call."""
    line = Line(NotSent("x"))
    for attempt in retry_not_sent(Waits()):
        with attempt:
            line()
    assert line.calls == 2


@pytest.mark.parametrize(
    ("error", "calls"), [(OutcomeUnknown("x"), 2), (CallError("x"), 2), (NotSent("x"), 2), (Refused("x"), 1)]
)
def test_a_query_is_repeated_unless_it_is_refused(error, calls):
    """A query may be repeated without harm."""
    line = Line(error)
    policy = retry_query(Backoff(attempts=2, first_wait=0.001, max_wait=0.001))
    if calls == 1:
        with pytest.raises(type(error)):
            policy(line)
    else:
        assert policy(line) == "done"
    assert line.calls == calls
