# SPDX-License-Identifier: Apache-2.0
"""A text that a cap still counts is counted after its recipient was pruned or forgotten, and no longer than that."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.contact_rules import Cap, ContactRules
from airflow_provider_uspeedo.ledger.admin.kept_contacts import KeptContacts
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.prune import Pruner
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import utc_now
from tests.ledger.acting import OpenLedger, Try, people, person
from tests.ledger.faults import lost_acknowledgement
from tests.ledger.killing import dies_at

ONE_IN_30_DAYS = ContactRules(caps=(Cap(texts=1, days=30),))
NAMES = "abcdefg"


@pytest.fixture
def own(open_ledger: OpenLedger, empty_url: URL) -> Ledger:
    """A ledger of this test alone."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    return ledger


def sent(ledger: Ledger, campaign: str, names: str = NAMES, *, days_ago: int, capped: bool = True) -> Try:
    """A campaign of so many days ago, of which the last but one person was rejected and the last one is unknown."""
    one = Try(ledger, campaign, rules=ONE_IN_30_DAYS if capped else ContactRules())
    rest, last = one.claim(people(names), size=len(names) - 1)
    one.send(rest, names[-2])
    assert one.mark(last)
    one.mark_unknown(last)
    one.end()
    tables, then = ledger.tables, utc_now() - timedelta(days=days_ago)

    def work(connection: sa.engine.Connection) -> None:
        a, q = tables.attempts, tables.requests
        mine = a.c.attempt_no == one.attempt.number
        connection.execute(sa.update(a).where(mine).values(started_at=then, ended_at=then))
        asked = sa.update(q).where(q.c.campaign_no == one.attempt.campaign_no)
        connection.execute(asked.values(claimed_at=then, sent_at=then))
        c = tables.campaigns
        here = c.c.campaign_no == one.attempt.campaign_no
        connection.execute(sa.update(c).where(here).values(created_at=then))

    ledger.database.write(work)
    return one


def prune(ledger: Ledger) -> None:
    """All campaigns of more than three days ago, in portions of two."""
    Pruner(ledger, with_unknown=True, rows_at_once=2).prune(timedelta(days=3), None, dry_run=False)


def contacts(ledger: Ledger) -> list[tuple[int, bool]]:
    """For each contact its campaign, and whether it holds the time of a text itself."""
    c = ledger.tables.contacts.c
    query = sa.select(c.campaign_no, c.sent_at).order_by(c.campaign_no)
    return ledger.database.read(lambda conn: [(no, at is not None) for no, at in conn.execute(query)], by_index=False)


def texted_next(ledger: Ledger, names: str = NAMES) -> str:
    """Whom another campaign with that cap may text."""
    one = Try(ledger, "next", rules=ONE_IN_30_DAYS)
    one.text(people(names))
    return "".join(name for name in names if one.vendor.texted[person(name, 1).key])


@pytest.mark.parametrize("capped", [True, False], ids=["recorded", "before any cap"])
def test_a_pruned_text_still_counts(own: Ledger, capped: bool) -> None:
    """Accepted and unknown ones; a rejected one never did. Also where no contact had been recorded before."""
    one = sent(own, "old", days_ago=10, capped=capped)
    Try(own, "some other", rules=ONE_IN_30_DAYS).end()  # somebody asks for a cap
    prune(own)
    assert contacts(own) == [(one.attempt.campaign_no, True)] * 6
    assert texted_next(own) == "f"


def test_a_forgotten_text_still_counts(own: Ledger) -> None:
    """Of a campaign that goes on, and whatever has become of the phone there."""
    one = sent(own, "young", days_ago=1)
    for name in "af":
        assert LedgerAdmin(own).forget(person(name, 1).phone).recipients == 1
    assert contacts(own).count((one.attempt.campaign_no, True)) == 1  # the rejected one does not count
    assert texted_next(own, "af") == "f"


def test_who_is_forgotten_and_then_pruned_still_counts(own: Ledger) -> None:
    """The phone is not known any more: what forgetting wrote down stays."""
    sent(own, "old", days_ago=10)
    LedgerAdmin(own).forget(person("a", 1).phone)
    prune(own)
    assert len(contacts(own)) == 6
    assert texted_next(own) == "f"


def test_contacts_go_when_they_count_no_more(own: Ledger) -> None:
    """With the recipients, or with a later pruning; the hash does not outlive its use."""
    sent(own, "older", days_ago=40)
    sent(own, "old", "hijklmn", days_ago=10)
    prune(own)
    assert [known for _, known in contacts(own)] == [True] * 6
    assert texted_next(own) == NAMES
    table, then = own.tables.contacts, utc_now() - timedelta(days=40)
    kept = table.c.sent_at.is_not(None)
    own.database.write(lambda c: c.execute(sa.update(table).where(kept).values(sent_at=then)))
    prune(own)
    assert [known for _, known in contacts(own)] == [False] * 7  # of the campaign that is not old


def test_contacts_of_another_phone_of_the_same_key_go_too(own: Ledger) -> None:
    """A key may have got another phone since: its hash is found by going through all."""
    one = sent(own, "old", days_ago=10)
    table = own.tables.contacts
    row = {"phone_hash": b"\xff" * 32, "campaign_no": one.attempt.campaign_no, "key": person("a", 1).key}
    own.database.write(lambda c: c.execute(sa.insert(table), [row]))
    prune(own)
    assert contacts(own) == [(one.attempt.campaign_no, True)] * 6


def test_without_caps_nothing_is_kept(own: Ledger) -> None:
    """No hash of anybody is in the ledger."""
    sent(own, "old", days_ago=10, capped=False)
    sent(own, "young", days_ago=1, capped=False)
    LedgerAdmin(own).forget(person("a", 1).phone)
    prune(own)
    assert contacts(own) == []


def prune_all(admin: LedgerAdmin) -> None:
    """In a process of its own."""
    prune(admin.ledger)  # type: ignore[arg-type]


STEPS = [
    ("INSERT INTO uspeedo_contacts", 0), ("DELETE FROM uspeedo_recipients", 1), ("DELETE FROM uspeedo_requests", 0),
    ("DELETE FROM uspeedo_contacts", 4),
]  # fmt: skip


@pytest.mark.parametrize(("words", "after"), STEPS)
def test_no_text_is_lost_where_pruning_was_killed(own: Ledger, empty_url: URL, words: str, after: int) -> None:
    """``kill -9`` anywhere: hash and time are written in the transaction that deletes the recipient."""
    sent(own, "old", days_ago=10)
    assert dies_at(words, prune_all, empty_url, after=after)
    assert texted_next(own) == "f"
    prune(own)
    assert sum(known for _, known in contacts(own)) == 6


def test_a_lost_acknowledgement_keeps_each_text_once(own: Ledger) -> None:
    """The repetition finds the recipients gone."""
    sent(own, "old", days_ago=10)
    for after in range(3, 8):
        with lost_acknowledgement(own.database.engine, after=after):
            prune(own)
    assert [known for _, known in contacts(own)] == [True] * 6


def test_a_forgotten_phone_keeps_its_place_on_the_list(own: Ledger) -> None:
    """It is a hash there; the report says so, and the phone is texted by no campaign."""
    admin, phone = LedgerAdmin(own), person("a", 1).phone
    sent(own, "young", days_ago=1, capped=False)
    assert not admin.forget(person("b", 2).phone).suppressed
    admin.suppress_add([phone], reason="asked", by="ann")
    assert admin.forget(phone).suppressed
    assert len(admin.suppress_check(phone)) == 1
    another = Try(own, "another")
    another.text(people("ab"))
    another.vendor.assert_texted("b")


def test_a_phone_of_an_older_spelling_is_forgotten(own: Ledger) -> None:
    """A campaign that began by older rules holds Brazil's mobile numbers without their ninth digit."""
    one = Try(own, "old")
    one.text([person("a", 1)._replace(phone="(55)1187654321")])
    assert LedgerAdmin(own).forget("+55 11 98765-4321").recipients == 1


def test_a_sweep_leaves_what_another_pruning_is_about_to_keep(own: Ledger) -> None:
    """It has marked the campaign, and has not come to its recipients yet."""
    one = sent(own, "old", days_ago=10)
    table = own.tables.campaigns
    pruned = sa.update(table).where(table.c.campaign_no == one.attempt.campaign_no).values(pruned_at=utc_now())
    own.database.write(lambda c: c.execute(pruned))
    KeptContacts(own.tables).sweep(own.database, 2)
    assert texted_next(own) == "f"
    prune(own)
    assert texted_next(own) == ""
