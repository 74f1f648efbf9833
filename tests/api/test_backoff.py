# SPDX-License-Identifier: Apache-2.0
"""When a call is made again."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_uspeedo.api.http.backoff import LONGEST_WAIT, again, again_asking
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
    assert again(event, first=0.5, most=2.0)(line) == "done"
    assert line.calls == 5
    assert all(
        low <= wait <= high for wait, low, high in zip(event.seconds, (0.5, 1, 2, 2), (1, 1.5, 2, 2), strict=True)
    )


def test_the_last_error_is_raised_as_it_is():
    """No wrapper, after the stated number of tries."""
    last = NotSent("last")
    line = Line(NotSent("a"), NotSent("b"), last, NotSent("never"))
    with pytest.raises(NotSent) as raised:
        again(Waits(), tries=3)(line)
    assert raised.value is last
    assert line.calls == 3


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("x"), Refused("x"), ConfigurationError("x"), CallError("x"), ValueError("x")]
)
def test_nothing_else_is_sent_again(error):
    """What may have arrived is never repeated."""
    line = Line(error)
    with pytest.raises(type(error)):
        again(Waits())(line)
    assert line.calls == 1


def test_a_wait_is_never_shorter_than_the_server_asks():
    """Retry-After comes before our own wait."""
    event = Waits()
    again(event)(Line(NotSent("x", retry_after=42.0)))
    assert event.seconds == [42.0]


def test_a_server_that_asks_for_too_long_is_obeyed_by_giving_up():
    """A worker is not kept for an hour; the next try of the task sends it."""
    line = Line(NotSent("x", retry_after=LONGEST_WAIT + 1))
    with pytest.raises(NotSent):
        again(Waits())(line)
    assert line.calls == 1


def test_an_old_timestamp_is_signed_anew_once_and_at_once():
    """Also if other failures come between."""
    old, event = NotSent("old", sign_again=True), Waits()
    assert again(event)(Line(old)) == "done"
    assert event.seconds == [0.0]
    line = Line(old, NotSent("busy"), NotSent("old", sign_again=True))
    with pytest.raises(NotSent, match="old"):
        again(Waits())(line)
    assert line.calls == 3


def test_a_policy_may_serve_one_send_after_the_other():
    """What one send used up is there again for the next."""
    policy = again(Waits())
    for _ in range(2):
        assert policy(Line(NotSent("old", sign_again=True))) == "done"


def test_a_stop_before_the_wait_ends_it():
    """Nothing is sent any more once the task is told to stop."""
    event = Waits()
    event.set()
    line = Line(NotSent("x"))
    with pytest.raises(NotSent):
        again(event)(line)
    assert line.calls == 1


def test_a_stop_during_the_wait_ends_it():
    """The wait itself is woken up, and raises what it was waiting for."""

    class StoppedMeanwhile(Waits):
        def wait(self, timeout=None):
            self.set()
            return super().wait(timeout)

    line = Line(NotSent("x"))
    with pytest.raises(NotSent, match="x"):
        again(StoppedMeanwhile())(line)
    assert line.calls == 1


def test_it_serves_as_a_loop():
    """The campaign writes a new row for each attempt, so it wants the loop rather than the call."""
    line = Line(NotSent("x"))
    for attempt in again(Waits()):
        with attempt:
            line()
    assert line.calls == 2


@pytest.mark.parametrize(
    ("error", "calls"), [(OutcomeUnknown("x"), 2), (CallError("x"), 2), (NotSent("x"), 2), (Refused("x"), 1)]
)
def test_a_question_is_asked_again_unless_it_is_refused(error, calls):
    """Asking twice harms nobody."""
    line = Line(error)
    policy = again_asking(first=0.001, most=0.001)
    if calls == 1:
        with pytest.raises(type(error)):
            policy(line)
    else:
        assert policy(line) == "done"
    assert line.calls == calls
