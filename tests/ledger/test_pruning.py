# SPDX-License-Identifier: Apache-2.0
"""Old campaigns are deleted but for a tombstone, and can never be run again: that would text everyone once more."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.core.keys import campaign_hash
from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.admin.prune import Pruner
from airflow_provider_uspeedo.ledger.admin.reports import Pruning
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.records import utc_now
from tests.ledger.acting import SPEC, OpenLedger, Try, duplicate, invalid, people, resolve
from tests.ledger.faults import Pause, in_background, lost_acknowledgement
from tests.ledger.killing import dies_at

MONTH = timedelta(days=30)
DELETED = ("recipients", "requests", "outcomes", "past_requests", "receipts", "source_rows")


@pytest.fixture
def own(open_ledger: OpenLedger, empty_url: URL) -> Ledger:
    """A ledger of this test alone."""
    ledger = open_ledger(empty_url)
    ledger.prepare()
    return ledger


def make_old(ledger: Ledger, campaign: str, days: int = 40) -> None:
    """Moves everything that happened to it into the past."""
    campaigns, attempts, requests = ledger.tables.campaigns, ledger.tables.attempts, ledger.tables.requests
    past = utc_now() - timedelta(days=days)

    def work(connection: sa.engine.Connection) -> None:
        number = ledger._campaigns.find(connection, campaign).campaign_no
        of = attempts.c.campaign_no == number
        connection.execute(sa.update(campaigns).where(campaigns.c.campaign_no == number).values(created_at=past))
        connection.execute(sa.update(attempts).where(of).values(started_at=past))
        connection.execute(sa.update(attempts).where(of, attempts.c.ended_at.is_not(None)).values(ended_at=past))
        sent = sa.case((requests.c.sent_at.is_not(None), past))
        asked = sa.update(requests).where(requests.c.campaign_no == number)
        connection.execute(asked.values(claimed_at=past, sent_at=sent))

    ledger.database.write(work)


def finished(ledger: Ledger, campaign: str) -> Try:
    """An old campaign: two accepted, one rejected, one re-opened and texted, a duplicate and an invalid row."""
    one = Try(ledger, campaign)
    first, lost = one.claim([*people("abcd"), duplicate(5, 1, "a"), invalid(6)], size=3)
    one.send(first, "c")
    one.mark(lost)
    one.mark_unknown(lost)
    one.end()
    resolve(ledger, campaign, as_sent=False, by="ann")
    Try(ledger, campaign, vendor=one.vendor).text([*people("abcd"), duplicate(5, 1, "a"), invalid(6)])
    make_old(ledger, campaign)
    return one


def rows_left(ledger: Ledger) -> dict[str, int]:
    tables = {table.name.removeprefix("uspeedo_"): table for table in ledger.tables.metadata.sorted_tables}
    queries = {name: sa.select(sa.func.count()).select_from(tables[name]) for name in DELETED}
    counts = ledger.database.read(lambda c: {name: c.execute(query).scalar() for name, query in queries.items()})
    return {name: count for name, count in counts.items() if count}


def prune(ledger: Ledger, *names: str, **how: bool) -> list[Pruning]:
    return LedgerAdmin(ledger).prune(older_than=MONTH, campaign_ids=names or None, **how)


def test_a_campaign_that_still_sends_is_not_old(own: Ledger) -> None:
    """However long ago its attempt began."""
    one = Try(own, "long")
    make_old(own, "long")
    one.claim(people("ab"))
    assert [report.why_not for report in prune(own, "long")] != [""]
    assert prune(own) == []
    assert rows_left(own)["recipients"] == 2


COUNTS = {"accepted": 3, "rejected": 1, "invalid": 1, "duplicate": 1}


def test_a_tombstone_with_the_counts_is_all_that_stays(own: Ledger) -> None:
    """No recipients: neither phones nor keys."""
    finished(own, "old")
    (done,) = prune(own)
    assert (done.campaign_id, done.pruned, done.why_not, dict(done.counts)) == ("old", True, "", COUNTS)
    assert rows_left(own) == {}
    shown = LedgerAdmin(own).show("old")
    assert (shown.counts, shown.gone, len(shown.attempts)) == (COUNTS, {}, 3)
    assert shown.pruned_at is not None
    assert LedgerAdmin(own).list_campaigns(1)[0].pruned_at == shown.pruned_at
    assert prune(own) == []


def test_a_pruned_campaign_can_never_be_run_again(own: Ledger) -> None:
    """Its recipients are not known any more: it would text everyone."""
    finished(own, "old")
    prune(own)
    for way in (
        lambda: Try(own, "old"),
        lambda: own.peek("old", SPEC),
        lambda: resolve(own, "old", as_sent=False, by="ann"),
        lambda: LedgerAdmin(own).count_unknown("old"),
        lambda: LedgerAdmin(own).stop("old", by="ann"),
        lambda: LedgerAdmin(own).resume("old"),
    ):
        with pytest.raises(CampaignHalted, match="pruned"):
            way()


def test_young_campaigns_stay(own: Ledger) -> None:
    """An attempt that began lately makes an old campaign young."""
    finished(own, "old")
    own.open_attempt("old", SPEC)
    assert prune(own) == []
    (report,) = prune(own, "old")
    assert (report.pruned, report.why_not[:32]) == (False, "an attempt of it began or ended ")
    assert "recipients" in rows_left(own)


def test_only_the_campaigns_named_are_pruned(own: Ledger) -> None:
    """And a name that is not found was mistyped."""
    finished(own, "one"), finished(own, "two")
    with pytest.raises(ConfigurationError, match="Did you mean 'two'"):
        prune(own, "twoo")
    assert [report.campaign_id for report in prune(own, "two", "two")] == ["two"]
    assert LedgerAdmin(own).show("one").counts == COUNTS
    (report,) = prune(own, "two")
    assert report.why_not.startswith("it was pruned at ")
    rerun = Try(own, "one")
    rerun.text(people("abcd"))
    rerun.vendor.assert_texted()


def test_a_dry_run_says_the_same_and_deletes_nothing(own: Ledger) -> None:
    """Its answer is that of the real one."""
    finished(own, "old")
    before = rows_left(own)
    would = prune(own, dry_run=True)
    assert rows_left(own) == before
    assert LedgerAdmin(own).show("old").pruned_at is None
    assert would == prune(own)


@pytest.mark.parametrize("state", ["unknown", "sending"])
def test_unknown_outcomes_are_not_deleted_unless_by_name(own: Ledger, state: str) -> None:
    """It could never be resolved afterwards."""
    one = Try(own, "old")
    (request,) = one.claim(people("ab"))
    one.mark(request)
    if state == "unknown":
        one.mark_unknown(request)
    make_old(own, "old")
    for dry_run in (True, False):
        (report,) = prune(own, dry_run=dry_run)
        assert (report.pruned, dict(report.counts)) == (False, {"unknown": 2})
        assert report.why_not.startswith("2 recipients with unknown outcome: resolve them first")
    assert LedgerAdmin(own).show("old").pruned_at is None
    assert prune(own, with_unknown=True)[0].pruned
    assert rows_left(own) == {}
    assert one.settle(request) is False  # its answer comes at last: nothing is left to note it at
    assert rows_left(own) == {}


def prune_all(admin: LedgerAdmin) -> None:
    Pruner(admin.ledger, rows_at_once=2, requests_at_once=1).prune(MONTH, None, dry_run=False)


STEPS = [
    ("SET pruned_at", 0), ("SET pruned_counts", 0), ("DELETE FROM uspeedo_source_rows", 0),
    ("DELETE FROM uspeedo_source_rows", 1), ("DELETE FROM uspeedo_recipients", 0),
    ("DELETE FROM uspeedo_recipients", 1),
    ("DELETE FROM uspeedo_requests", 0), ("DELETE FROM uspeedo_outcomes", 1), ("DELETE FROM uspeedo_receipts", 2),
]  # fmt: skip


@pytest.mark.parametrize(("words", "after"), STEPS)
def test_pruning_goes_on_where_it_was_killed(own: Ledger, empty_url: URL, words: str, after: int) -> None:
    """``kill -9`` anywhere: either nothing was done, or it can never run again and the next pruning goes on."""
    finished(own, "old")
    assert dies_at(words, prune_all, empty_url, after=after)
    if words.startswith("SET"):
        Try(own, "old").end(complete=False)  # as if nothing had happened
        make_old(own, "old")
    else:
        with pytest.raises(CampaignHalted, match="pruned"):
            Try(own, "old")
        assert LedgerAdmin(own).show("old").counts == COUNTS
    prune(own)
    assert rows_left(own) == {}
    assert LedgerAdmin(own).show("old").counts == COUNTS


def test_a_claim_and_a_pruning_at_once_send_no_duplicates(open_ledger: OpenLedger, own: Ledger, empty_url: URL) -> None:
    """A claim that has begun is waited for; its campaign is not old any more."""
    one = finished(own, "old")
    other = open_ledger(empty_url)
    late = Try(other, "old", vendor=one.vendor)
    make_old(own, "old")
    pause = Pause(other.database.engine, "INSERT INTO uspeedo_requests")
    with in_background(lambda: late.claim(people("xy", 7))) as claiming:
        pause.wait()
        with in_background(lambda: prune(own)) as done:
            pause.go()
            requests = claiming.result(30)
            assert not any(report.pruned for report in done.result(30))
    assert [late.send(request) for request in requests] == [True]
    one.vendor.assert_nobody_texted_twice()
    assert rows_left(own)["recipients"] == 6
    make_old(own, "old")
    assert [report.pruned for report in prune(own)] == [True]
    with pytest.raises(CampaignHalted):
        late.claim(people("abcd"))
    assert rows_left(own) == {}


def test_a_lost_acknowledgement_does_not_hide_what_was_pruned(own: Ledger) -> None:
    """The repetition finds the mark."""
    finished(own, "old")
    with lost_acknowledgement(own.database.engine, after=2) as happened:
        (report,) = prune(own)
    assert happened
    assert (report.pruned, dict(report.counts)) == (True, COUNTS)


def test_the_name_of_a_tombstone_is_taken(own: Ledger) -> None:
    """There is one campaign of a name, pruned or not."""
    finished(own, "old")
    prune(own)
    names = own.tables.campaigns.c
    query = sa.select(sa.func.count()).where(names.name_hash == campaign_hash("old"))
    assert own.database.read(lambda c: c.execute(query).scalar()) == 1


def test_an_age_below_zero_is_refused(own: Ledger) -> None:
    """It would mean campaigns of the future."""
    with pytest.raises(ConfigurationError, match="older_than"):
        LedgerAdmin(own).prune(older_than=timedelta(-1))
