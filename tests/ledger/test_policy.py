# SPDX-License-Identifier: Apache-2.0
"""The ledger's list of suppressed phones, caps, and rules of the moment: decided in the transaction that marks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules, Exclusion
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.errors import CampaignHalted
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.contacts import SUPPRESSED
from airflow_provider_uspeedo.ledger.store.records import Request, utc_now
from tests.ledger.acting import (
    OpenLedger,
    Try,
    key_of,
    lines_of,
    people,
    person,
    request_of,
    resolve,
    state_of,
)
from tests.ledger.faults import lost_acknowledgement

ONE_A_WEEK = ContactRules(caps=(Cap(1, 7),))
TWO_A_WEEK = ContactRules(caps=(Cap(2, 7),))
OVER = "at most: 1 text in 7 days"


@pytest.fixture
def own(open_ledger: OpenLedger, empty_url: URL) -> Ledger:
    """A ledger of this test alone: lists and caps are the whole ledger's."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    return ledger


def suppress(ledger: Ledger, *names: str, listed: bool = True) -> None:
    """Puts people on the ledger's list, as an administrator does: rows and number in one transaction."""

    def work(connection: Connection) -> None:
        key = connection.execute(sa.select(ledger.tables.ledger.c.phone_key)).scalar_one()
        hashes = _hashes(bytes(key), names)
        table = ledger.tables.suppressed
        connection.execute(sa.delete(table).where(table.c.phone_hash.in_(hashes)))
        if listed:
            connection.execute(sa.insert(table), [{"phone_hash": one, "added_at": utc_now()} for one in hashes])
        number = ledger.tables.ledger.c.suppressions
        connection.execute(sa.update(ledger.tables.ledger).values({number: number + 1}))

    ledger.database.write(work)


def _hashes(key: bytes, names: Sequence[str]) -> list[bytes]:
    from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher

    return PhoneHasher(key).of_phones([person(name, 1).phone for name in names])


def names_in(request: Request) -> set[str]:
    return {one.user_id.removeprefix("user ") for one in request.recipients}


def with_phone_of(name: str, other: str, row: int) -> Recipient:
    """Another recipient with the same phone."""
    return person(other, row)._replace(phone=person(name, row).phone)


# -- the list ---------------------------------------------------------------------------------------------------------


def test_who_is_on_the_list_is_not_claimed(own: Ledger, campaign: str) -> None:
    """By no campaign, with or without a policy; the row says why, and the rows add up."""
    suppress(own, "b")
    one = Try(own, campaign)
    one.text(people("abc"))
    one.vendor.assert_texted("a", "c")
    assert one.counts() == {"accepted": 2, "suppressed": 1}
    assert lines_of(own, campaign, "row_number", "status", "reason") == [
        (1, "accepted", None),
        (2, "suppressed", SUPPRESSED),
        (3, "accepted", None),
    ]


def test_who_is_put_on_the_list_after_the_claim_is_left_out_of_the_request(own: Ledger, campaign: str) -> None:
    """The claim may be hours old when the request's turn comes."""
    one = Try(own, campaign)
    (request,) = one.claim(people("abc"))
    suppress(own, "b")
    marked = one.marked(request)
    assert names_in(marked) == {"a", "c"}
    assert marked.left_out == ((SUPPRESSED, 1),)
    one.vendor.take(marked)
    one.settle(marked)
    one.end()
    assert one.counts() == {"accepted": 2, "suppressed": 1}
    assert lines_of(own, campaign, "row_number", "status", "reason")[1] == (2, "suppressed", SUPPRESSED)
    assert own.requests_sent(one.attempt) == 1


def test_a_request_that_a_list_empties_is_not_sent(own: Ledger, campaign: str) -> None:
    """It is gone, and its recipients are free for a later attempt."""
    one = Try(own, campaign)
    (request,) = one.claim(people("ab"))
    suppress(own, "a", "b")
    assert not one.mark(request)
    assert not one.mark(request)  # nor by a repetition
    assert state_of(own, request) is None
    assert one.counts() == {"suppressed": 2}
    assert own.requests_sent(one.attempt) == 0


def test_who_leaves_the_list_is_sent_by_the_next_attempt(own: Ledger, campaign: str) -> None:
    """Whether the claim had left it out or the mark; and not as an unchanged table."""
    suppress(own, "a")
    one = Try(own, campaign)
    (request,) = one.claim(people("abc"))
    suppress(own, "b")
    assert one.send(request)
    one.end()
    assert one.counts() == {"accepted": 1, "suppressed": 2}
    again = Try(own, campaign, vendor=one.vendor)
    assert not own.share_reading(again.attempt, one.attempt.number)
    again.text(people("abc"))
    assert again.counts() == {"accepted": 1, "suppressed": 2}
    suppress(own, "a", "b", listed=False)
    last = Try(own, campaign, vendor=one.vendor)
    assert not own.share_reading(last.attempt, again.attempt.number)
    last.text(people("abc"))
    one.vendor.assert_texted("a", "b", "c")
    assert last.counts() == {"accepted": 3}


def test_a_campaign_with_a_suppressed_row_alone_is_no_unchanged_table(own: Ledger, campaign: str) -> None:
    """Nothing of it is in any request."""
    suppress(own, "a")
    one = Try(own, campaign)
    one.text(people("a"))
    again = Try(own, campaign)
    assert not own.share_reading(again.attempt, one.attempt.number)


def test_who_was_texted_before_being_listed_keeps_the_history(own: Ledger, campaign: str) -> None:
    """The text was sent: the row shows that."""
    one = Try(own, campaign)
    one.text(people("ab"))
    suppress(own, "a")
    again = Try(own, campaign, vendor=one.vendor)
    again.text(people("abc"))
    assert again.counts() == {"accepted": 3}


def test_without_a_list_the_mark_is_one_update(own: Ledger, campaign: str) -> None:
    """Nothing is looked at where no rule is in use; on a server the request is locked first."""
    one = Try(own, campaign)
    (request,) = one.claim(people("ab"))
    statements: list[str] = []
    sa.event.listen(
        own.database.engine, "before_cursor_execute", lambda _c, _k, statement, *_: statements.append(statement)
    )
    assert one.mark(request)
    run = [statement for statement in statements if not statement.startswith(("BEGIN", "SET", "SELECT 1"))]
    assert [statement.endswith("FOR UPDATE") for statement in run[:-1]] == [True] * own.database.dialect.locks_rows
    assert run[-1].startswith("UPDATE")


# -- caps -------------------------------------------------------------------------------------------------------------


def test_a_cap_counts_over_all_campaigns(own: Ledger, campaign: str) -> None:
    """Also what was sent before any cap was in use."""
    Try(own, f"{campaign} before").text(people("a"))
    one = Try(own, campaign, rules=ONE_A_WEEK)
    one.text(people("ab"))
    one.vendor.assert_texted("b")
    assert one.counts() == {"accepted": 1, "suppressed": 1}
    assert lines_of(own, campaign, "status", "reason") == [("suppressed", OVER), ("accepted", None)]
    two = Try(own, f"{campaign} after", rules=TWO_A_WEEK)
    two.text(people("ab"))
    two.vendor.assert_texted("a", "b")


def test_an_attempt_that_knows_no_cap_is_counted_as_well(own: Ledger, campaign: str) -> None:
    """It claimed before the first cap was in use, and marks afterwards."""
    uncapped = Try(own, f"{campaign} uncapped")
    first, second = uncapped.claim(people("ab"), size=1)
    uncapped.send(first)
    capped = Try(own, campaign, rules=ONE_A_WEEK)
    (request,) = capped.claim(people("bc"))
    uncapped.send(second)
    assert names_in(capped.marked(request)) == {"c"}
    assert capped.counts() == {"unknown": 1, "suppressed": 1}


def test_a_recipient_that_was_taken_over_is_counted(own: Ledger, campaign: str) -> None:
    """Its row came with another attempt than the request that texted it."""
    Try(own, f"{campaign} before").claim(people("ab"))
    Try(own, f"{campaign} before").text(people("ab"))
    one = Try(own, campaign, rules=ONE_A_WEEK)
    one.text(people("abc"))
    one.vendor.assert_texted("c")
    Try(own, f"{campaign} later").claim(people("de"))
    Try(own, f"{campaign} later").text(people("de"))
    two = Try(own, f"{campaign} last", rules=ONE_A_WEEK)
    two.text(people("def"))
    two.vendor.assert_texted("f")


@pytest.mark.parametrize(
    ("became", "counts"),
    [
        ("claimed", False), ("sending", True), ("unknown", True), ("released", False), ("accepted", True),
        ("rejected", False), ("resolved as sent", True), ("resolved as not sent", False), ("superseded", False),
    ],
)  # fmt: skip
def test_what_counts_as_a_text(own: Ledger, campaign: str, became: str, counts: bool) -> None:
    """By the state of the request, and the recipient's own outcome."""
    before = Try(own, f"{campaign} before", rules=TWO_A_WEEK)
    (request,) = before.claim(people("a"))
    if became == "superseded":
        Try(own, f"{campaign} before").claim(people("a"))
    elif became != "claimed":
        assert before.mark(request)
    if became in ("unknown", "resolved as sent", "resolved as not sent"):
        before.mark_unknown(request)
    if became.startswith("resolved"):
        assert resolve(own, f"{campaign} before", as_sent=became == "resolved as sent", by="ann") == 1
    if became == "released":
        before.release(request)
    if became == "accepted":
        before.settle(request)
    if became == "rejected":
        before.settle(request, "a")
    one = Try(own, campaign, rules=ONE_A_WEEK)
    one.text(people("a"))
    assert one.counts() == ({"suppressed": 1} if counts else {"accepted": 1})


def test_a_late_proof_counts_beside_the_text_that_followed(own: Ledger, campaign: str) -> None:
    """Somebody was called not sent, and texted again; then the first answer turned up. These are two texts."""
    before = Try(own, f"{campaign} before", rules=ContactRules(caps=(Cap(5, 7),)))
    (request,) = before.claim(people("a"))
    before.mark(request)
    before.mark_unknown(request)
    resolve(own, f"{campaign} before", as_sent=False, by="ann")
    Try(own, f"{campaign} before").text(people("a"))
    assert before.settle(request)
    one = Try(own, campaign, rules=TWO_A_WEEK)
    one.text(people("a"))
    assert one.counts() == {"suppressed": 1}


def test_a_cap_is_by_phone_not_by_key(own: Ledger, campaign: str) -> None:
    """Two recipients with one phone, in one campaign and in one request: the first by row number goes."""
    one = Try(own, campaign, rules=ONE_A_WEEK)
    requests = one.claim([with_phone_of("a", "other", 2), person("a", 1)])
    assert [names_in(one.marked(request)) for request in requests] == [{"a"}]
    other = Try(own, f"{campaign} other", rules=ONE_A_WEEK)
    assert other.claim([with_phone_of("a", "third", 1)]) == []


def test_a_text_counts_for_so_many_days_of_the_databases_clock(own: Ledger, campaign: str) -> None:
    """By the time of the mark. All caps hold."""
    Try(own, f"{campaign} before", rules=ONE_A_WEEK).text(people("ab"))

    def age(name: str, by: timedelta) -> None:
        r, q = own.tables.recipients, own.tables.requests
        one = sa.select(r.c.request_id).where(r.c.key == key_of(name))
        own.database.write(
            lambda c: c.execute(sa.update(q).where(q.c.id == c.execute(one).scalar()).values(sent_at=utc_now() - by))
        )

    age("a", timedelta(days=7, minutes=1))
    one = Try(own, campaign, rules=ONE_A_WEEK)
    one.text(people("ab"))
    one.vendor.assert_texted("a", "b")
    two = Try(own, f"{campaign} two", rules=ContactRules(caps=(Cap(5, 1), Cap(2, 30))))
    two.text(people("abc"))
    assert lines_of(own, f"{campaign} two", "status", "reason")[0] == ("suppressed", "at most: 2 texts in 30 days")


def test_a_mark_counts_again(own: Ledger, campaign: str) -> None:
    """Two campaigns have claimed the same people: whoever marks first texts them."""
    one, two = (Try(own, f"{campaign} {name}", rules=ONE_A_WEEK) for name in ("one", "two"))
    (of_one,), (of_two,) = one.claim(people("ab")), two.claim(people("bc"))
    assert names_in(one.marked(of_one)) == {"a", "b"}
    assert names_in(two.marked(of_two)) == {"c"}
    assert two.counts() == {"unknown": 1, "suppressed": 1}


def test_a_mark_whose_word_was_lost_does_not_count_itself(own: Ledger, campaign: str) -> None:
    """Repeated, it finds what it did: the same people, and not those whom another attempt has taken since."""
    suppress(own, "nobody")
    one = Try(own, campaign, rules=ONE_A_WEEK)
    (request,) = one.claim(people("ab"))
    suppress(own, "b")
    assert names_in(one.marked(request)) == {"a"}
    suppress(own, "b", listed=False)
    (theirs,) = Try(own, campaign).claim(people("ab"))
    assert names_in(theirs) == {"b"}
    assert names_in(one.marked(request)) == {"a"}


@pytest.mark.parametrize("listed", ["a", "ab"])
def test_a_mark_whose_confirmation_was_lost_still_says_which_recipients_it_excluded(
    own: Ledger, campaign: str, listed: str
) -> None:
    """A canary that rules have emptied is not one that another attempt has taken."""
    one = Try(own, campaign)
    (request,) = one.claim(people("ab"))
    suppress(own, *listed)
    with lost_acknowledgement(own.database.engine) as happened:
        marked = one.marked(request)
    assert happened
    assert names_in(marked) == set("ab") - set(listed)
    assert marked.left_out == ((SUPPRESSED, len(listed)),)


def test_a_forgotten_text_is_counted_by_what_is_kept_of_it(own: Ledger, campaign: str) -> None:
    """Once a campaign is pruned, its contacts say when it texted whom."""
    before = Try(own, f"{campaign} before", rules=ONE_A_WEEK)
    before.text(people("ab"))
    contacts, recipients = own.tables.contacts, own.tables.recipients

    def prune(connection: Connection) -> None:
        here = recipients.c.campaign_no == before.attempt.campaign_no
        connection.execute(sa.update(contacts).values(sent_at=utc_now()).where(contacts.c.key == key_of("a")))
        connection.execute(sa.delete(recipients).where(here))

    own.database.write(prune)
    one = Try(own, campaign, rules=ONE_A_WEEK)
    one.text(people("ab"))
    one.vendor.assert_texted("b")


def test_whose_phone_changed_is_counted_under_the_new_one(own: Ledger, campaign: str) -> None:
    """It was claimed with the first phone, and texted at the second by the attempt that took it over."""
    Try(own, f"{campaign} before", rules=ONE_A_WEEK).claim([person("a", 1)])
    Try(own, f"{campaign} before", rules=ONE_A_WEEK).text([person("a", 1)._replace(phone=person("z", 1).phone)])
    one = Try(own, campaign, rules=ONE_A_WEEK)
    one.text(people("az"))
    one.vendor.assert_texted("a")


# -- the moment -------------------------------------------------------------------------------------------------------


def test_a_judge_is_asked_with_the_databases_time(own: Ledger, campaign: str) -> None:
    """Whom it names leaves the request before it is sent, and a later attempt may send to them."""
    asked: list[datetime] = []

    def judge(now: datetime) -> Sequence[Exclusion]:
        asked.append(now)
        return [
            Exclusion("not_sent", "hours: opens at 09:00", [2]),
            Exclusion("suppressed", "hours: never open", [3]),
        ]

    one = Try(own, campaign)
    (request,) = one.claim(people("abc"))
    before = utc_now()
    marked = one.marked(request, judge)
    assert names_in(marked) == {"a"}
    assert before - timedelta(seconds=5) < asked[0].replace(tzinfo=None) < utc_now() + timedelta(seconds=5)
    assert asked[0].utcoffset() == timedelta(0)
    one.settle(marked)
    one.end()
    assert one.counts() == {"accepted": 1, "not_sent": 1, "suppressed": 1}
    assert lines_of(own, campaign, "status", "reason") == [
        ("accepted", None),
        ("not_sent", "hours: opens at 09:00"),
        ("suppressed", "hours: never open"),
    ]
    assert own.not_sent_by_rule(one.attempt, ("hours", "not after")) == {"hours": 1, "not after": 0}
    again = Try(own, campaign)
    again.text(people("abc"))
    again.vendor.assert_texted("b", "c")
    assert again.counts() == {"accepted": 3}


def test_a_stopped_campaign_marks_nothing_under_a_policy(own: Ledger, campaign: str) -> None:
    """A stop comes before every rule."""
    one = Try(own, campaign, rules=ONE_A_WEEK)
    (request,) = one.claim(people("ab"))
    LedgerAdmin(own).stop(campaign, by="ann")
    with pytest.raises(CampaignHalted, match="stopped by ann"):
        one.mark(request)
    assert state_of(own, request) == "claimed"


def test_a_claim_that_is_repeated_keeps_what_it_has_claimed(own: Ledger, campaign: str) -> None:
    """The list changed between a claim and its repetition: the mark leaves out whom the claim had."""
    one = Try(own, campaign)
    request = request_of(people("ab"))
    from tests.ledger.acting import portion_of

    portion = portion_of([request], read_to=2)
    own.claim(one.attempt, portion)
    suppress(own, "b")
    (again,) = own.claim(one.attempt, portion)
    assert names_in(again) == {"a", "b"}
    assert names_in(one.marked(again)) == {"a"}
    assert one.counts() == {"unknown": 1, "suppressed": 1}
