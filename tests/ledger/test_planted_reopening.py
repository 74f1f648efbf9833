# SPDX-License-Identifier: Apache-2.0
"""Mistakes in re-opening rejected recipients, planted one at a time: its tests must notice each of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy.engine import Engine

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.admin.rejected_recipients import RejectedRecipients
from airflow_provider_uspeedo.ledger.protocol import receipt_records, reopening
from airflow_provider_uspeedo.ledger.protocol.campaigns import Campaigns
from airflow_provider_uspeedo.ledger.protocol.reopening import Reopening
from tests.ledger import test_reopening_rejected as tests
from tests.ledger.acting import OpenLedger
from tests.ledger.mistakes import planted_on
from tests.ledger.servers import SERVERS

Plant = Callable[[], AbstractContextManager[Any]]
Check = Callable[[OpenLedger, str], None]

_reopen, _portion = Reopening.reopen, RejectedRecipients._reopen


def _as_an_older_attempt(self: Reopening, connection: Any, attempt: Any, *others: Any) -> int:
    return _reopen(self, connection, replace(attempt, number=0), *others)


def _whatever_was_agreed(self: RejectedRecipients, *arguments: Any) -> int:
    return _portion(self, *arguments[:-1], None)


JOINED = r"r\.request_id = x\.request_id AND "
"""What compares the two requests on MariaDB and MySQL ..."""
ASKED_FOR = r"\(r\.request_id, (r\.\S+?)\)( IN \(SELECT )x\.request_id, "
"""... and on the others, where the recipients' keys stay."""
MISTAKES: dict[str, tuple[Plant, Check]] = {
    "recipients are moved whatever request they point at by now": (
        lambda: planted_on(Engine, (f"{JOINED}|{ASKED_FOR}", r"\1\2"), only="UPDATE"),
        lambda open_ledger, campaign: tests.test_recipients_of_a_later_decision_and_attempt_are_left_alone(
            open_ledger, campaign, "sent"
        ),
    ),
    "receipts are not looked at": (
        lambda: patch.object(reopening, "CARRIER_HAD_IT", ("nothing",)),
        lambda open_ledger, campaign: tests.test_whose_message_the_carrier_had_is_left_as_it_is(
            open_ledger(), campaign, "Success", certain=True
        ),
    ),
    "the number is compared before the transaction alone": (
        lambda: patch.object(RejectedRecipients, "_reopen", _whatever_was_agreed),
        tests.test_more_than_was_agreed_are_not_re_opened,
    ),
    "a later receipt of the old request is ignored": (
        lambda: patch.object(
            receipt_records,
            "_may_change",
            lambda one, outcomes: outcomes.get((one.request_id, one.key)) == Status.UNKNOWN,
        ),
        lambda open_ledger, campaign: tests.test_a_late_receipt_shows_that_the_old_request_reached_the_recipient(
            open_ledger(), campaign, "before it is claimed"
        ),
    ),
    "a repetition does not look whether it is done": (
        lambda: patch.object(Campaigns, "held_name", lambda *_: None),
        lambda open_ledger, campaign: tests.test_a_repetition_re_opens_no_recipient_that_was_rejected_meanwhile(
            open_ledger, campaign, None
        ),
    ),
    "attempts of before may take them": (
        lambda: patch.object(Reopening, "reopen", _as_an_older_attempt),
        lambda open_ledger, campaign: tests.test_rejected_recipients_are_sent_to_again_after_a_decision_and_no_others(
            open_ledger(), campaign
        ),
    ),
}
UNLOCKED = (r" FOR UPDATE", "")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_noticed(open_ledger: OpenLedger, campaign: str, name: str) -> None:
    """The test fails with it, and passes without it."""
    plant, check = MISTAKES[name]
    with plant(), pytest.raises((AssertionError, pytest.fail.Exception)):
        check(open_ledger, f"{campaign} planted")
    check(open_ledger, f"{campaign} mended")


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_the_old_request_must_be_locked(open_ledger: OpenLedger, campaign: str) -> None:
    """Otherwise a receipt that comes while its recipient is moved is neither seen nor waited for."""
    at = "INTO uspeedo_past_requests"
    mistake = planted_on(Engine, UNLOCKED, only="FROM uspeedo_requests \nWHERE uspeedo_requests.id IN")
    with mistake, pytest.raises(AssertionError):
        tests.test_a_receipt_that_comes_while_it_is_moved_still_counts(open_ledger, f"{campaign} planted", at)
    tests.test_a_receipt_that_comes_while_it_is_moved_still_counts(open_ledger, f"{campaign} mended", at)
