# SPDX-License-Identifier: Apache-2.0
"""The states of a request never go back, whoever tries what, and however often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Request, new_id
from tests.ledger.acting import OpenLedger, Try, people, resolve, state_of
from tests.ledger.faults import lost_acknowledgement

STATES = ("claimed", "sending", "settled", "released", "unknown", "superseded")
VERBS: dict[str, Callable[[Try, Request], bool]] = {
    "mark": Try.mark,
    "settle": Try.settle,
    "release": Try.release,
    "doubt": Try.mark_unknown,
}
ALLOWED = {
    "mark": {"claimed": "sending"},
    "settle": {"sending": "settled", "unknown": "settled"},
    "release": {"sending": "released", "unknown": "released"},
    "doubt": {"sending": "unknown"},
}
"""For each verb of a request's owner: what becomes of which state. Any other state stays as it is."""
SAID = {"mark": "sending", "settle": "settled", "release": "released", "doubt": "unknown"}
"""The state for which a verb says true, however it came about: a repeated verb finds itself."""


def put_in(state: str, one: Try) -> Request:
    """A request of two people in that state."""
    (request,) = one.claim(people("ab"))
    if state == "superseded":
        Try(one.ledger, one.attempt.campaign_id).claim(people("a"))
    elif state != "claimed":
        assert one.mark(request)
        steps = {"settled": one.settle, "released": one.release, "unknown": one.mark_unknown}
        assert state == "sending" or steps[state](request)
    assert state_of(one.ledger, request) == state
    return request


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("before", STATES)
def test_its_owner_moves_a_request_only_forward(ledger: Ledger, campaign: str, before: str, verb: str) -> None:
    """Every verb from every state, twice: what is not allowed changes nothing, and the verb tells what is so."""
    one = Try(ledger, campaign)
    request = put_in(before, one)
    after = ALLOWED[verb].get(before, before)
    for _ in range(2):
        assert VERBS[verb](one, request) == (after == SAID[verb])
        assert state_of(ledger, request) == after


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("before", STATES)
def test_only_its_owner_moves_a_request(ledger: Ledger, campaign: str, before: str, verb: str) -> None:
    """Neither an older nor a newer attempt marks or settles what is not its own."""
    older, owner = Try(ledger, campaign), Try(ledger, campaign)
    request = put_in(before, owner)
    for other in (older, Try(ledger, campaign)):
        assert not VERBS[verb](other, request)
    assert state_of(ledger, request) == before


@pytest.mark.parametrize("before", STATES)
def test_only_what_surely_did_not_leave_can_be_taken_over(ledger: Ledger, campaign: str, before: str) -> None:
    """A newer attempt supersedes claimed and released, gets what is left of superseded, and touches nothing else."""
    owner = Try(ledger, campaign)
    request = put_in(before, owner)
    taken = Try(ledger, campaign).claim(people("ab"))
    free = before in ("claimed", "released", "superseded")
    assert state_of(ledger, request) == ("superseded" if free else before)
    assert bool(taken) == free


@pytest.mark.parametrize("before", STATES)
def test_an_older_attempt_takes_nothing_over(ledger: Ledger, campaign: str, before: str) -> None:
    """Whatever the state of a newer attempt's request."""
    older, owner = Try(ledger, campaign), Try(ledger, campaign)
    request = put_in(before, owner)
    assert older.claim(people("ab")) == []
    assert state_of(ledger, request) == before


@pytest.mark.parametrize("before", STATES)
def test_only_a_released_request_is_renewed(ledger: Ledger, campaign: str, before: str) -> None:
    """After a back-off; a request in any other state keeps its people and its state."""
    owner = Try(ledger, campaign)
    request = put_in(before, owner)
    renewed = ledger.renew(owner.attempt, request, new_id())
    assert state_of(ledger, request) == ("superseded" if before == "released" else before)
    names = {"released": 2, "superseded": 1}  # of a superseded one: whoever nobody has taken yet
    assert len(renewed.recipients) == names.get(before, 0)


@pytest.mark.parametrize("before", STATES)
def test_only_its_owner_renews_a_request(ledger: Ledger, campaign: str, before: str) -> None:
    """Renewing is for one's own back-off only; others take over."""
    owner = Try(ledger, campaign)
    request = put_in(before, owner)
    other = Try(ledger, campaign)
    if before != "superseded":
        assert ledger.renew(other.attempt, request, new_id()).recipients == ()
    assert state_of(ledger, request) == before


@pytest.mark.parametrize("as_sent", [True, False], ids=["sent", "not sent"])
@pytest.mark.parametrize("before", STATES)
def test_a_person_decides_only_what_is_unknown(ledger: Ledger, campaign: str, before: str, as_sent: bool) -> None:
    """``resolve`` leaves every other state alone; what was *sending* becomes *unknown*, never anything further."""
    request = put_in(before, Try(ledger, campaign))
    count = resolve(ledger, campaign, as_sent=as_sent, by="ann")
    assert state_of(ledger, request) == ("unknown" if before == "sending" else before)
    assert count == (2 if before in ("sending", "unknown") else 0)


@pytest.mark.parametrize("committed", [True, False], ids=["committed", "rolled back"])
@pytest.mark.parametrize(("verb", "before"), [(v, b) for v, moves in ALLOWED.items() for b in moves])
def test_every_verb_survives_a_lost_acknowledgement(
    ledger: Ledger, campaign: str, verb: str, before: str, committed: bool
) -> None:
    """The repetition finds what the first one did, and says true; for *mark sending* that means: go on, send."""
    one = Try(ledger, campaign)
    request = put_in(before, one)
    with lost_acknowledgement(ledger.database.engine, committed=committed) as happened:
        assert VERBS[verb](one, request)
    assert happened
    assert state_of(ledger, request) == ALLOWED[verb][before]


def test_a_second_answer_changes_nothing(ledger: Ledger, campaign: str) -> None:
    """Settled is settled: another settling of the same request does not touch what is recorded of its people."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    assert one.mark(request)
    assert one.settle(request, "b")
    assert one.settle(request, "a")
    assert one.status("a", "b") == ["accepted", "rejected"]


def test_outcomes_are_recorded_with_the_answer_or_not_at_all(ledger: Ledger, campaign: str) -> None:
    """One transaction: a settling that is refused leaves no outcome behind."""
    one = Try(ledger, campaign)
    request = put_in("released", one)
    assert not one.settle(request, "a")
    assert one.status("a", "b") == ["not_sent", "not_sent"]


def test_a_call_refused_as_a_whole_is_sent_after_the_mend(ledger: Ledger, campaign: str) -> None:
    """Its people are *not_sent*, not *rejected*: rejected would mean never."""
    one = Try(ledger, campaign)
    request = put_in("sending", one)
    assert ledger.release(one.attempt, request.id, ret_code=18013, vendor_request_id="V", reason="balance too low")
    assert one.counts() == {"not_sent": 2}
    assert one.reason("a") == "balance too low"
    one.end(complete=False)
    rerun = Try(ledger, campaign)
    rerun.text(people("ab"))
    rerun.vendor.assert_texted("a", "b")


def test_an_ordinary_request_costs_few_statements(open_ledger: OpenLedger, campaign: str) -> None:
    """To mark it, and to settle it: nothing more where there is nothing to look for, but a lock on a server."""
    ledger = open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    run: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        run.append(statement.split(maxsplit=1)[0])

    event.listen(ledger.database.engine, "before_cursor_execute", note)
    assert one.mark(request)
    assert one.settle(request)
    lock = ["SELECT"] * ledger.database.dialect.locks_rows
    assert [word for word in run if word not in ("BEGIN", "SET")] == [*lock, "UPDATE", "UPDATE"]
