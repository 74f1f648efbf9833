# SPDX-License-Identifier: Apache-2.0
"""Mistakes, planted one at a time: the rules' own tests must notice each of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.protocol.receipt_records import ReceiptRecords
from airflow_provider_uspeedo.receipts import receipt_matching as matching
from tests.receipts import test_collecting, test_matching, test_recording

Plant = Callable[[pytest.MonkeyPatch], None]


def the_last_receipt_stays(planting: pytest.MonkeyPatch) -> None:
    """An old receipt, or one that is not final, overwrites a newer final one."""
    correct = ReceiptRecords._merge_text

    def always(self: ReceiptRecords, connection: Any) -> str:
        return re.sub(r"(AND|WHERE) \(CASE WHEN.*$", r"\1 1 = 1", correct(self, connection), flags=re.DOTALL)

    planting.setattr(ReceiptRecords, "_merge_text", always)


def the_first_receipt_stays(planting: pytest.MonkeyPatch) -> None:
    """What was recorded once is never replaced."""
    correct = ReceiptRecords._merge_text
    planting.setattr(
        ReceiptRecords,
        "_merge_text",
        lambda self, connection: re.sub(
            r"(AND|WHERE) \(CASE WHEN.*$", r"\1 1 = 0", correct(self, connection), flags=re.DOTALL
        ),
    )


def a_receipt_changes_what_was_answered(planting: pytest.MonkeyPatch) -> None:
    """Accepted becomes rejected by a receipt, and rejected accepted."""

    class Unknown(dict[tuple[bytes, bytes], str]):
        def get(self, *_: Any) -> str:
            return Status.UNKNOWN

        def __contains__(self, _: object) -> bool:
            return True

        def __len__(self) -> int:
            return 1

        def __missing__(self, _: object) -> str:
            return Status.UNKNOWN

    def replace_outcomes(self: ReceiptRecords, connection: Any, proofs: Any) -> None:
        outcomes = self._t.outcomes
        for one in proofs:
            here = (outcomes.c.request_id == one.request_id, outcomes.c.key == one.key)
            connection.execute(outcomes.delete().where(*here))
            values = {"request_id": one.request_id, "key": one.key, "status": one.proof}
            connection.execute(outcomes.insert().values(**values))

    planting.setattr(ReceiptRecords, "_open", lambda *_: Unknown())
    planting.setattr(ReceiptRecords, "_replace_outcomes", replace_outcomes)


def a_receipt_confirms_not_sent(planting: pytest.MonkeyPatch) -> None:
    """After a person's *not sent*, a message that was delivered is not shown as sent."""
    planting.setattr(ReceiptRecords, "_prove", lambda *_: None)


def an_ambiguous_phone_settles(planting: pytest.MonkeyPatch) -> None:
    """A phone that is twice in its session is taken for the first recipient's."""

    def init(self: Any, members: Any) -> None:
        self._members = members
        self._by_phone = {member.phone: member for member in members}

    planting.setattr(matching.SessionMembers, "__init__", init)


def a_failed_delivery_is_not_sent(planting: pytest.MonkeyPatch) -> None:
    """A message that the carrier had and could not deliver is called rejected."""
    planting.setitem(matching.PROOFS, "Fail", str(Status.REJECTED))


def _recording(name: str, *arguments: Any) -> Callable[[Ledger, str], None]:
    return lambda ledger, campaign: getattr(test_recording, name)(ledger, campaign, *arguments)


NOTICED: dict[Plant, Callable[[Ledger, str], None]] = {
    the_last_receipt_stays: _recording("test_the_newest_final_receipt_stays_in_whatever_order_they_come"),
    the_first_receipt_stays: _recording("test_the_newest_final_receipt_stays_in_whatever_order_they_come"),
    a_receipt_changes_what_was_answered: _recording(
        "test_a_receipt_never_changes_what_is_accepted_or_rejected", "SubmitFail"
    ),
    a_receipt_confirms_not_sent: _recording(
        "test_after_not_sent_a_receipt_can_only_show_that_it_was_sent", "Success", "accepted"
    ),
    an_ambiguous_phone_settles: (test_collecting.test_a_phone_that_is_in_two_requests_of_one_session_settles_neither),
    a_failed_delivery_is_not_sent: lambda _ledger, _campaign: test_matching.test_what_a_result_proves(
        "Fail", "accepted"
    ),
}


@pytest.mark.parametrize("plant", NOTICED, ids=lambda plant: plant.__name__)
def test_a_planted_mistake_is_noticed(plant: Plant, ledger: Ledger, campaign: str) -> None:
    """The test fails with it, and passes without it."""
    check = NOTICED[plant]
    with pytest.MonkeyPatch.context() as planting:
        plant(planting)
        with pytest.raises(AssertionError):
            check(ledger, f"{campaign} planted")
    check(ledger, f"{campaign} mended")
