# SPDX-License-Identifier: Apache-2.0
"""A person decides on unknown outcomes: all of them, or those that the vendor's console lists as sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import Answer, Request, new_id, utc_now
from tests.ledger.acting import OpenLedger, Try, key_of, people, person, state_of
from tests.ledger.faults import Pause, in_background, lost_acknowledgement


def lose_the_answer(one: Try, rows: list[Recipient]) -> Request:
    (request,) = one.claim(rows)
    assert one.mark(request)
    assert one.mark_unknown(request)
    return request


def resolve(ledger: Ledger, campaign: str, **how: Any) -> int:
    return LedgerAdmin(ledger).resolve(campaign, **{"as_sent": True, "by": "ann", **how})


def phone(name: str) -> str:
    return person(name, 1).phone


def national(name: str) -> str:
    return phone(name).partition(")")[2]


def sent_ago(ledger: Ledger, request: Request, ago: timedelta) -> None:
    table = ledger.tables.requests
    ledger.database.write(
        lambda c: c.execute(sa.update(table).where(table.c.id == request.id).values(sent_at=utc_now() - ago))
    )


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as stored": phone,
    "with a plus": lambda name: "+852" + national(name),
    "bare digits": lambda name: "852" + national(name),
    "blanks and dashes": lambda name: f" 852 {national(name)[:4]}-{national(name)[4:]} ",
    "as text of a spreadsheet": lambda name: "'852" + national(name),
    "with zeros": lambda name: "00852" + national(name),
    "as dialled at home": national,
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=list(SPELLINGS))
def test_a_listed_phone_was_sent_and_nothing_follows_for_the_others(
    ledger: Ledger, campaign: str, spelling: Callable[[str], str]
) -> None:
    """In any spelling; headings and other numbers are counted."""
    one = Try(ledger, campaign)
    lose_the_answer(one, people("abc"))
    phones = ["phone", "", spelling("a"), spelling("b"), spelling("another")]
    count = LedgerAdmin(ledger).count_unknown(campaign, phones=phones)
    assert (count.recipients, count.requests, count.in_flight) == (2, 1, 0)
    assert (count.not_matched, count.ambiguous, count.unreadable) == (1, 0, 1)
    assert (count.listed, count.matched) == (3, 2)
    assert resolve(ledger, campaign, phones=phones, expected=2) == 2
    assert one.status(*"abc") == ["accepted", "accepted", "unknown"]
    again = LedgerAdmin(ledger).count_unknown(campaign, phones=phones)
    assert (again.recipients, again.not_matched) == (0, 3)


def test_a_number_that_is_listed_often_is_one_number(ledger: Ledger, campaign: str) -> None:
    """Whatever its spellings: known, unknown and foreign ones are each counted once."""
    one = Try(ledger, campaign)
    for request in one.claim(people("k")):
        one.send(request)
    lose_the_answer(one, people("ab", 2))
    names = ("k", "a", "b", "another")
    phones = [spell(name) for name in names for spell in SPELLINGS.values()] * 3
    count = LedgerAdmin(ledger).count_unknown(campaign, phones=phones)
    assert (count.listed, count.matched, count.not_matched, count.recipients) == (4, 2, 2, 2)


def test_a_list_never_shows_that_a_recipient_was_not_sent(ledger: Ledger, campaign: str) -> None:
    """An export may be late or cut."""
    lose_the_answer(Try(ledger, campaign), people("a"))
    with pytest.raises(ConfigurationError, match="as_sent must be True"):
        resolve(ledger, campaign, as_sent=False, phones=[phone("a")])
    with pytest.raises(ConfigurationError, match="not one text"):
        resolve(ledger, campaign, phones=phone("a"))


def two_messages_to_one_phone(ledger: Ledger, campaign: str) -> Try:
    """The first is accepted, the second is unknown."""
    one = Try(ledger, campaign)
    first, second = person("order 1", 1), person("order 2", 2)._replace(phone=phone("order 1"))
    for request in one.claim([first]):
        one.send(request)
    lose_the_answer(one, [second])
    return one


def test_a_phone_listed_once_does_not_show_which_of_two_messages_was_sent(ledger: Ledger, campaign: str) -> None:
    """The accepted one is in the export, too."""
    two_messages_to_one_phone(ledger, campaign)
    count = LedgerAdmin(ledger).count_unknown(campaign, phones=[phone("order 1")])
    assert (count.recipients, count.ambiguous, count.not_matched) == (0, 1, 0)
    assert resolve(ledger, campaign, phones=[phone("order 1")]) == 0


def test_a_phone_listed_as_often_as_it_was_texted_is_sent(ledger: Ledger, campaign: str) -> None:
    """Then all its messages left."""
    two_messages_to_one_phone(ledger, campaign)
    assert resolve(ledger, campaign, phones=[phone("order 1")] * 2) == 1


def test_a_message_that_did_not_leave_is_no_rival(ledger: Ledger, campaign: str) -> None:
    """Only what may be in the export counts."""
    one = Try(ledger, campaign)
    lose_the_answer(one, [person("order 1", 1)])
    one.claim([person("order 2", 2)._replace(phone=phone("order 1"))])
    assert resolve(ledger, campaign, phones=[phone("order 1")]) == 1


# -- requests that may still arrive -------------------------------------------------------------------------------


def test_a_request_that_may_still_arrive_is_not_decided_as_not_sent(ledger: Ledger, campaign: str) -> None:
    """A request of the last minutes may be alive: it must be included by name."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.mark(request)
    with pytest.raises(ConfigurationError, match=r"requests with 2 recipients.*less than 5 minutes ago.*in_flight"):
        resolve(ledger, campaign, as_sent=False)
    assert state_of(ledger, request) == "sending"
    assert LedgerAdmin(ledger).count_unknown(campaign).in_flight == 2
    assert resolve(ledger, campaign, as_sent=False, in_flight=True) == 2
    assert one.status(*"ab") == ["not_sent"] * 2


def test_what_was_given_to_the_network_long_ago_may_be_decided(ledger: Ledger, campaign: str) -> None:
    """Its process is dead."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.mark(request)
    sent_ago(ledger, request, timedelta(minutes=6))
    assert resolve(ledger, campaign, as_sent=False) == 2


def test_a_decision_on_some_does_not_free_the_others_of_a_live_request(ledger: Ledger, campaign: str) -> None:
    """The request counts as unknown from then on, and is as alive as before."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.mark(request)
    assert resolve(ledger, campaign, phones=[phone("a")]) == 1
    with pytest.raises(ConfigurationError, match="requests with 1 recipient were given"):
        resolve(ledger, campaign, as_sent=False)
    sent_ago(ledger, request, timedelta(hours=1))
    assert resolve(ledger, campaign, as_sent=False) == 1


def test_a_request_in_flight_may_be_decided_as_sent(ledger: Ledger, campaign: str) -> None:
    """That sends nothing; and the answer corrects it."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    one.mark(request)
    assert resolve(ledger, campaign) == 2
    assert one.settle(request, "b")
    assert one.status(*"ab") == ["accepted", "rejected"]


# -- what was agreed on -------------------------------------------------------------------------------------------


def test_another_number_than_agreed_decides_nothing(ledger: Ledger, campaign: str) -> None:
    """A campaign that runs has more unknowns a minute later."""
    one = Try(ledger, campaign)
    lose_the_answer(one, people("abc"))
    with pytest.raises(ConfigurationError, match="3 recipients now, not of 2"):
        resolve(ledger, campaign, expected=2)
    assert one.status(*"abc") == ["unknown"] * 3
    assert LedgerAdmin(ledger).show(campaign).attempts[-1].ended_at is not None


def test_the_agreed_number_survives_a_lost_acknowledgement(ledger: Ledger, campaign: str) -> None:
    """The repetition finds nothing left, and must not call that a change."""
    lose_the_answer(Try(ledger, campaign), people("abc"))
    # Commits before it: looking for the ledger, finding the campaign, and the attempt.
    with lost_acknowledgement(ledger.database.engine, after=3) as happened:
        assert resolve(ledger, campaign, expected=3) == 3
    assert happened


@pytest.mark.parametrize("committed", [True, False], ids=["taken", "not taken"])
def test_a_repetition_says_nothing_of_what_became_unknown_meanwhile(
    open_ledger: OpenLedger, campaign: str, committed: bool
) -> None:
    """Nobody has agreed to call that *not sent*: whoever it is about would get a second text."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    lose_the_answer(one, people("ab"))
    how = {"as_sent": False, "in_flight": True, "expected": 2}
    engine, meanwhile = admin.database.engine, partial(lose_the_answer, one, people("c", 3))
    with lost_acknowledgement(engine, after=3, committed=committed, meanwhile=meanwhile) as happened:
        if committed:
            assert resolve(admin, campaign, **how) == 2
        else:
            with pytest.raises(ConfigurationError, match="it would be said of 3 recipients now, not of 2"):
                resolve(admin, campaign, **how)
    assert happened
    assert one.status(*"abc") == [*["not_sent" if committed else "unknown"] * 2, "unknown"]
    assert [line.recipients for line in LedgerAdmin(ledger).decisions(campaign)] == [2] * committed


def test_a_stopped_campaign_can_be_decided_on(ledger: Ledger, campaign: str) -> None:
    """That is when one does it."""
    one = Try(ledger, campaign)
    lose_the_answer(one, people("ab"))
    LedgerAdmin(ledger).stop(campaign, by="ann")
    assert resolve(ledger, campaign, as_sent=False) == 2
    with pytest.raises(CampaignHalted):
        Try(ledger, campaign).claim(people("ab"))


@pytest.mark.parametrize("as_sent", [True, False], ids=["sent", "not sent"])
def test_a_word_on_one_request_is_not_said_of_the_next_one(
    open_ledger: OpenLedger, campaign: str, as_sent: bool
) -> None:
    """While a person decides, the request turns out to be refused, is sent anew, and that answer is lost."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    assert one.mark(request)
    pause = Pause(admin.database.engine, "FROM uspeedo_requests AS q ")  # looking for the request
    how = {"as_sent": as_sent, "request": request.id.hex(), "in_flight": True}
    with in_background(lambda: resolve(admin, campaign, **how)) as deciding:
        pause.wait()
        assert one.release(request)
        renewed = ledger.renew(one.attempt, request, new_id())
        assert one.mark(renewed)
        assert one.mark_unknown(renewed)
        pause.go()
        assert deciding.result(20) == 0
    assert one.status("a", "b") == ["unknown", "unknown"]


def test_a_release_that_has_waited_for_a_word_knows_it(open_ledger: OpenLedger, campaign: str) -> None:
    """The API refuses the call while a person says that one recipient has got the text: nobody is sent to again."""
    ledger, admin = open_ledger(), open_ledger()
    one = Try(ledger, campaign)
    (request,) = one.claim(people("ab"))
    assert one.mark(request)
    pause = Pause(admin.database.engine, "DELETE FROM uspeedo_outcomes", before=True)  # the request is held by now
    deciding_on_it = partial(resolve, admin, campaign, phones=[phone("a")])
    with in_background(deciding_on_it) as deciding, in_background(lambda: (pause.wait(), one.release(request))) as last:
        pause.wait()
        time.sleep(0.3)  # so that the release waits for the request
        pause.go()
        assert deciding.result(20) == 1
        assert last.result(20)[1] is False
    assert one.status("a", "b") == ["accepted", "unknown"]
    assert not Try(ledger, campaign).claim(people("ab"))


@pytest.mark.parametrize("as_sent", [True, False], ids=["sent", "not sent"])
def test_a_word_is_not_said_of_a_task_that_begins_meanwhile(
    open_ledger: OpenLedger, campaign: str, monkeypatch: pytest.MonkeyPatch, as_sent: bool
) -> None:
    """Its requests were not there when the person decided: what they hold belongs to it, and to a later decision."""
    ledger, admin = open_ledger(), open_ledger()
    lose_the_answer(Try(ledger, campaign), people("ab"))
    write = type(admin.database).write
    later: list[Try] = []

    def write_and_wait(database: Any, work: Any) -> Any:
        found = write(database, work)
        if database is admin.database and not later:  # the decision is opened
            later.append(Try(ledger, campaign))
            lose_the_answer(later[0], people("xy", 3))
        return found

    monkeypatch.setattr(type(admin.database), "write", write_and_wait)
    assert resolve(admin, campaign, as_sent=as_sent, in_flight=True) == 2
    assert later[0].status("x", "y") == ["unknown", "unknown"]
    assert later[0].status("a", "b") == ["accepted" if as_sent else "not_sent"] * 2
    assert resolve(admin, campaign, as_sent=as_sent, in_flight=True) == 2


def test_the_agreed_number_of_another_request_is_not_what_was_agreed_on(ledger: Ledger, campaign: str) -> None:
    """The answer of the one that was shown comes late, and another one of as many recipients loses its own."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    shown = lose_the_answer(one, people("ab"))
    count = admin.count_unknown(campaign)
    agreed = {"as_sent": False, "expected": count.recipients, "shown": count.digest}
    assert one.settle(shown)
    lose_the_answer(one, people("cd", 3))
    with pytest.raises(ConfigurationError, match="other requests are unknown now than those that were shown"):
        resolve(ledger, campaign, **agreed)
    assert one.status(*"abcd") == ["accepted", "accepted", "unknown", "unknown"]
    later = admin.count_unknown(campaign)
    assert resolve(ledger, campaign, **{**agreed, "shown": later.digest}) == 2


def test_a_decision_may_be_about_one_request(ledger: Ledger, campaign: str) -> None:
    """By the id in the log, of this campaign only; a list of phones does not go with it."""
    one = Try(ledger, campaign)
    first = lose_the_answer(one, people("ab"))
    lose_the_answer(one, people("c", 3))
    for wrong, why in ((first.id.hex()[:-2] + "00", "holds no recipient"), ("S1", "as the task's log gives it")):
        with pytest.raises(ConfigurationError, match=why):
            resolve(ledger, campaign, request=wrong)
    with pytest.raises(ConfigurationError, match="cannot be given together"):
        resolve(ledger, campaign, request=first.id.hex(), phones=[phone("a")])
    assert resolve(ledger, campaign, request=first.id.hex()) == 2
    assert one.status(*"abc") == ["accepted", "accepted", "unknown"]


def test_an_unknown_request_says_what_its_answer_left_open(ledger: Ledger, campaign: str) -> None:
    """It came, and named not all: what is known stands at the recipients, and is what a person is to look at."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    (request,) = one.claim(people("abc"))
    assert one.mark(request)
    said = "the API accepted 2 of 3 and named 0 as failed"
    ledger.settle(one.attempt, request.id, Answer("S1", 0, "V1", ((key_of("b"), "unknown", said),)))
    lose_the_answer(one, people("x", 4))
    listed = {one.session_no: one.reason for one in admin.unknown_requests(campaign)}
    assert listed == {"S1": said, None: "no answer"}


def test_unknown_requests_have_the_ids_that_a_decision_takes(ledger: Ledger, campaign: str) -> None:
    """The oldest first; the beginning of an id will do to find it, if no other one begins so."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    requests = [lose_the_answer(one, people("ab")), lose_the_answer(one, people("c", 3))]
    for request, minutes in zip(requests, (20, 10), strict=True):
        sent_ago(ledger, request, timedelta(minutes=minutes))
    listed = admin.unknown_requests(campaign)
    assert [(line.id, line.recipients) for line in listed] == [(requests[0].id.hex(), 2), (requests[1].id.hex(), 1)]
    assert (admin.show(campaign).unknown_requests, admin.unknown_requests(campaign, limit=1)) == (listed, listed[:1])
    oldest = listed[0].id
    assert admin.find_request(campaign, f" {oldest[:31].upper()} ") == admin.find_request(campaign, oldest) == oldest
    count = admin.count_unknown(campaign, request=oldest)
    assert (count.recipients, count.requests, count.newest_sent_at) == (2, 1, listed[0].sent_at)
    assert resolve(ledger, campaign, request=oldest, as_sent=False, expected=2) == 2
    assert admin.unknown_requests(campaign) == listed[1:]
    with pytest.raises(ConfigurationError, match=r"holds no recipient.*decided on already"):
        admin.count_unknown(campaign, request=oldest)


def test_a_beginning_that_several_ids_have_names_them(ledger: Ledger, campaign: str) -> None:
    """Nothing is guessed; too few digits, and other texts, are refused."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    ids = [lose_the_answer(one, people(name, row)).id.hex() for row, name in enumerate("ab", 1)]
    with pytest.raises(ConfigurationError, match=f"Several requests begin with {ids[0][:8]}: {', '.join(sorted(ids))}"):
        admin.find_request(campaign, ids[0][:8])
    for wrong in (ids[0][:7], "S1", ""):
        with pytest.raises(ConfigurationError, match="at least its first 8 hexadecimal digits"):
            admin.find_request(campaign, wrong)
    with pytest.raises(ConfigurationError, match=r"no request with unknown recipients whose id begins with ffffffff\."):
        admin.find_request(campaign, "ffffffff")
    with pytest.raises(ConfigurationError, match="limit must be at least 1"):
        admin.unknown_requests(campaign, limit=0)


def test_decisions_are_listed_with_who_and_when(ledger: Ledger, campaign: str) -> None:
    """Those that came to nothing are left out; each is as it was when it was made."""
    one, admin = Try(ledger, campaign), LedgerAdmin(ledger)
    for row, names in ((1, "ab"), (3, "c"), (4, "d"), (5, "e"), (6, "f")):
        lose_the_answer(one, people(names, row))
    resolve(ledger, campaign, phones=[phone("a")], by="Ann: 9 recipients sent")
    resolve(ledger, campaign, as_sent=False, by="bob")
    resolve(ledger, campaign, by="nobody")
    first, second = admin.decisions(campaign)
    assert (first.outcome, first.recipients, first.requests, first.who, first.reason) == (
        "sent", 1, 1, "Ann: 9 recipients sent", "",
    )  # fmt: skip
    assert (second.outcome, second.recipients, second.requests, second.who) == ("not sent", 5, 5, "bob")
    assert abs(utc_now() - first.when.replace(tzinfo=None)) < timedelta(minutes=1)
    assert first.when <= second.when
    assert admin.show(campaign).decisions == (first, second)
