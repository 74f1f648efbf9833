# SPDX-License-Identifier: Apache-2.0
"""What the ledger says before anything is claimed: whom its list and the caps forbid to send to now."""

from __future__ import annotations

from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.contacts import SUPPRESSED
from tests.ledger.acting import Try, people
from tests.ledger.test_policy import ONE_A_WEEK, OVER, TWO_A_WEEK, own, suppress

__all__ = ["own"]


def test_exclusions_are_those_that_a_claim_would_make(own: Ledger, campaign: str) -> None:
    """By the list and by caps over all campaigns; nothing is written, and the claim decides as it was said."""
    first = Try(own, "another", rules=ONE_A_WEEK)
    first.text(people("ab"))
    suppress(own, "b", "c")
    batch = RecipientBatch.of(people("abcd", first_row=7))
    found = {one.reason: (one.status, list(one.row_numbers)) for one in own.exclusions(batch, ONE_A_WEEK)}
    assert found == {SUPPRESSED: ("suppressed", [8, 9]), OVER: ("suppressed", [7])}
    assert {one.reason for one in own.exclusions(batch, TWO_A_WEEK)} == {SUPPRESSED}
    assert {one.reason for one in own.exclusions(batch)} == {SUPPRESSED}
    assert own.exclusions(batch[3:], ONE_A_WEEK) == []
    assert own.exclusions(batch[:0], ONE_A_WEEK) == []
    assert not own.has_campaign(campaign)
    second = Try(own, campaign, rules=ONE_A_WEEK)
    second.text(people("abcd"))
    assert second.counts() == {"accepted": 1, "suppressed": 3}


def test_texts_of_before_the_first_cap_are_known_to_be_missing(own: Ledger, campaign: str) -> None:
    """Until an attempt with a cap has recorded them."""
    Try(own, "another").text(people("a"))
    assert own.counts_all_texts(())
    assert not own.counts_all_texts(ONE_A_WEEK.caps)
    Try(own, campaign, rules=ONE_A_WEEK)
    assert own.counts_all_texts(ONE_A_WEEK.caps)
    [excluded] = own.exclusions(RecipientBatch.of(people("ab")), ONE_A_WEEK)
    assert (excluded.reason, list(excluded.row_numbers)) == (OVER, [1])
