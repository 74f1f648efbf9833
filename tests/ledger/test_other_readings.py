# SPDX-License-Identifier: Apache-2.0
"""A row whose digits can be read as two numbers is not sent if the other number is a recipient of the campaign."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from airflow_provider_uspeedo.core.arrays import column_of_keys
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.portion import OtherKeys, Portion
from tests.ledger.acting import Try, Vendor, key_of, people, portion_of, request_of
from tests.ledger.faults import lost_acknowledgement

REASON = "phone: can be read as two different numbers"


def with_other_keys(portion: Portion, others: dict[int, str]) -> Portion:
    """The portion, with rows (by number) that could also mean another person."""
    numbers, keys = np.array(list(others), np.int64), column_of_keys([key_of(name) for name in others.values()])
    none = OtherKeys(numbers[:0], pa.array([], keys.type), REASON)
    found = OtherKeys(numbers, keys, REASON)
    return replace(portion, other_keys=lambda every: found if every else none)


def test_a_new_row_is_not_sent_where_its_other_reading_was(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people("ab"))
    later = Try(ledger, campaign, vendor=vendor)
    portion = with_other_keys(portion_of([request_of(people("cde"))], read_to=3), {1: "a", 2: "x", 3: "b"})
    for request in ledger.claim(later.attempt, portion):
        later.send(request)
    later.end()
    vendor.assert_texted(*"abd")
    assert later.counts() == {"accepted": 1, "invalid": 2}
    assert {failure.reason for failure in ledger.failures(later.attempt, 10)} == {REASON}


def test_a_recipient_that_was_texted_stays_it(ledger: Ledger, campaign: str) -> None:
    """Whatever else its digits could mean."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people("ab"))
    later = Try(ledger, campaign, vendor=vendor)
    portion = with_other_keys(portion_of([request_of(people("a"))], read_to=1), {1: "b"})
    assert ledger.claim(later.attempt, portion) == []
    later.end()
    assert later.counts() == {"accepted": 1}


def test_a_recipient_that_was_only_claimed_gives_way_to_its_other_reading(ledger: Ledger, campaign: str) -> None:
    """The row was corrected after an attempt that sent nothing, and comes back as it was."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).claim(people("a"))
    Try(ledger, campaign, vendor=vendor).text(people("b"))
    later = Try(ledger, campaign, vendor=vendor)
    portion = with_other_keys(portion_of([request_of(people("a"))], read_to=1), {1: "b"})
    assert ledger.claim(later.attempt, portion) == []
    later.end()
    vendor.assert_texted("b")
    assert later.counts() == {"invalid": 1}


def test_a_claim_that_is_repeated_keeps_what_is_its_own(ledger: Ledger, campaign: str) -> None:
    """The acknowledgement of its commit was lost."""
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people("x"))
    later = Try(ledger, campaign, vendor=vendor)
    portion = with_other_keys(portion_of([request_of(people("ab"))], read_to=2), {2: "a"})
    with lost_acknowledgement(ledger.database.engine):
        (request,) = ledger.claim(later.attempt, portion)
    later.send(request)
    later.end()
    vendor.assert_texted(*"xa")
    assert later.counts() == {"accepted": 1, "invalid": 1}


def test_of_two_readings_in_one_portion_one_is_sent(ledger: Ledger, campaign: str) -> None:
    vendor = Vendor()
    Try(ledger, campaign, vendor=vendor).text(people("x"))
    later = Try(ledger, campaign, vendor=vendor)
    portion = with_other_keys(portion_of([request_of(people("ab"))], read_to=2), {2: "a"})
    for request in ledger.claim(later.attempt, portion):
        later.send(request)
    later.end()
    vendor.assert_texted(*"xa")
    assert later.counts() == {"accepted": 1, "invalid": 1}
