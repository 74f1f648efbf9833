# SPDX-License-Identifier: Apache-2.0
"""A person stops a campaign: no further request of it begins, in any process, until it is resumed."""

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
    assert one.settle(first)  # a request under way is not called back, and its answer counts
    assert state_of(ledger, second) == "claimed"
    admin = LedgerAdmin(ledger)
    assert (admin.show(campaign).stopped_by, admin.list_campaigns(1000)[0].stopped_by) == ("ann", "ann")
    assert admin.resume(campaign).stopped_at is None
    rerun = Try(ledger, campaign)
    rerun.text(people("abcd"))
    rerun.vendor.assert_texted(*"cd")


def test_stopping_or_resuming_again_changes_nothing(ledger: Ledger, campaign: str) -> None:
    """The first name and time stay."""
    Try(ledger, campaign)
    admin = LedgerAdmin(ledger)
    assert admin.resume(campaign).changed is False
    first = admin.stop(campaign, by="ann")
    second = admin.stop(campaign, by="bob")
    assert (first.changed, second.changed) == (True, False)
    assert (second.stopped_by, second.stopped_at) == ("ann", first.stopped_at)
    assert [admin.resume(campaign).changed for _ in range(2)] == [True, False]


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_a_lost_acknowledgement_does_not_hide_the_change(ledger: Ledger, campaign: str, verb: str) -> None:
    """The repetition finds it done, and says that it was this one."""
    Try(ledger, campaign)
    admin = LedgerAdmin(ledger)
    if verb == "resume":
        admin.stop(campaign, by="ann")
    # Commits before it: looking for the ledger (once for each admin), and finding the campaign.
    with lost_acknowledgement(ledger.database.engine, after=2 if verb == "stop" else 1) as happened:
        done = admin.stop(campaign, by="ann") if verb == "stop" else admin.resume(campaign)
    assert happened
    assert done.changed


def test_a_campaign_that_is_not_there_yet_cannot_be_stopped(ledger: Ledger, campaign: str) -> None:
    """A mistyped name must not look like a stopped campaign."""
    Try(ledger, campaign)
    with pytest.raises(ConfigurationError, match="Did you mean"):
        LedgerAdmin(ledger).stop(campaign + "x", by="ann")


@pytest.mark.parametrize("by", ["", "  ", "a\nb", "x" * 201])
def test_a_stop_needs_the_name_of_a_person(ledger: Ledger, campaign: str, by: str) -> None:
    """In one line."""
    Try(ledger, campaign)
    with pytest.raises(ConfigurationError, match="by must be the name of a person"):
        LedgerAdmin(ledger).stop(campaign, by=by)
