# SPDX-License-Identifier: Apache-2.0
"""A person stops a campaign: no further request of it begins, in whichever process, until it is resumed."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.errors import CampaignHalted, ConfigurationError
from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
from airflow_provider_uspeedo.ledger.ledger import Ledger
from tests.ledger.acting import OpenLedger, Try, people, state_of
from tests.ledger.faults import lost_acknowledgement


def test_a_stopped_campaign_sends_nothing_more(ledger: Ledger, open_ledger: OpenLedger, campaign: str) -> None:
    """Neither what is claimed already nor what another process would claim; it goes on once it is resumed."""
    one = Try(ledger, campaign)
    first, second = one.claim(people("abcd"), size=2)
    one.mark(first)
    done = LedgerAdmin(open_ledger()).stop(campaign, by=" ann ")
    assert (done.changed, done.stopped_by, done.requests_in_flight, done.recipients_in_flight) == (True, "ann", 1, 2)
    with pytest.raises(CampaignHalted, match="stopped by ann"):
        one.mark(second)
    with pytest.raises(CampaignHalted):
        Try(open_ledger(), campaign).claim(people("xy"))
    assert one.settle(first)  # what is on its way is not called back, and its answer counts
    assert state_of(ledger, second) == "claimed"
    keeper = LedgerAdmin(ledger)
    assert (keeper.show(campaign).stopped_by, keeper.campaigns(1000)[0].stopped_by) == ("ann", "ann")
    assert keeper.resume(campaign).stopped_at is None
    rerun = Try(ledger, campaign)
    rerun.text(people("abcd"))
    rerun.vendor.assert_texted(*"cd")


def test_doing_it_again_changes_nothing(ledger: Ledger, campaign: str) -> None:
    """Who stopped it first, and when, stays."""
    Try(ledger, campaign)
    keeper = LedgerAdmin(ledger)
    assert keeper.resume(campaign).changed is False
    first = keeper.stop(campaign, by="ann")
    second = keeper.stop(campaign, by="bob")
    assert (first.changed, second.changed) == (True, False)
    assert (second.stopped_by, second.stopped_at) == ("ann", first.stopped_at)
    assert [keeper.resume(campaign).changed for _ in range(2)] == [True, False]


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_a_lost_acknowledgement_does_not_hide_the_change(ledger: Ledger, campaign: str, verb: str) -> None:
    """The repetition finds it done, and says that it was this one."""
    Try(ledger, campaign)
    keeper = LedgerAdmin(ledger)
    if verb == "resume":
        keeper.stop(campaign, by="ann")
    # Finding the campaign is the first commit.
    with lost_acknowledgement(ledger.database.engine, after=1) as happened:
        done = keeper.stop(campaign, by="ann") if verb == "stop" else keeper.resume(campaign)
    assert happened
    assert done.changed


def test_a_campaign_that_is_not_there_yet_cannot_be_stopped(ledger: Ledger, campaign: str) -> None:
    """Nobody would know that it was a slip of the fingers."""
    Try(ledger, campaign)
    with pytest.raises(ConfigurationError, match="Did you mean"):
        LedgerAdmin(ledger).stop(campaign + "x", by="ann")


@pytest.mark.parametrize("by", ["", "  ", "a\nb", "x" * 201])
def test_somebody_says_so(ledger: Ledger, campaign: str, by: str) -> None:
    """In one line."""
    Try(ledger, campaign)
    with pytest.raises(ConfigurationError, match="by must name who says so"):
        LedgerAdmin(ledger).stop(campaign, by=by)
