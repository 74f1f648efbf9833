# SPDX-License-Identifier: Apache-2.0
"""Which recipient a receipt is about, and whether that is certain enough to settle what is unknown."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.api.response.receipt_answers import Receipt, ReceiptColumns
from airflow_provider_uspeedo.ledger.results.receipt_queries import Member
from airflow_provider_uspeedo.ledger.store.staged_receipts import RANKS, MessageReceipt
from airflow_provider_uspeedo.receipts.receipt_matching import SessionMatch, SessionMembers
from tests.ledger.acting import rows_of

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ADA = Member(b"q" * 16, b"a" * 16, "(852)55311111", "u1")
BOB = Member(b"q" * 16, b"b" * 16, "(852)55322222", "u2")
TWICE = Member(b"r" * 16, b"c" * 16, "(852)55311111", "u3")
"""Of another request with the same SessionNo: Ada's phone."""


def receipt(phone: str, user_id: str = "", result: str = "Success", **more: Any) -> Receipt:
    given = {"cost_count": 1, "code": "", "desc": "", "at": AT, "country_code": "", "brevity_code": ""}
    return Receipt(phone=phone, user_id=user_id, result=result, **{**given, **more})


def match(members: list[Member], *receipts: Receipt) -> SessionMatch:
    columns = zip(*(dataclasses.astuple(one) for one in receipts), strict=True)
    return SessionMembers(members).match(ReceiptColumns(*columns))


def only(found: SessionMatch) -> MessageReceipt:
    [one] = rows_of(found.receipts)
    assert (found.foreign, found.ambiguous) == (0, 0)
    return one


@pytest.mark.parametrize(
    ("phone", "user_id", "certain"),
    [
        ("(852)55311111", "u1", True),
        ("(852)55311111", "", True),
        ("85255311111", "", True),
        ("+852 5531 1111", "u1", True),
        ("55311111", "", True),
        ("", "u1", True),
        ("n/a", "u1", True),
        ("(852)99999999", "u1", True),  # the phone is rewritten beyond recognition: the exact user id is enough
        ("(852)55311111", "somebody", True),  # a phone that is unique in its session
        ("", "U1 ", False),  # our user id, but not to the letter
    ],
)
def test_a_receipt_finds_its_recipient(phone: str, user_id: str, certain: bool) -> None:
    """By phone, however it is written, or by user id; certain if either is exact and unique."""
    one = only(match([ADA, BOB], receipt(phone, user_id)))
    assert (one.key, one.request_id, one.proof) == (ADA.key, ADA.request_id, "accepted" if certain else "")


def test_a_phone_that_is_twice_in_its_session_settles_nothing() -> None:
    """Nor is it recorded: it may be either's. The exact user id says whose it is."""
    found = match([ADA, TWICE], receipt("(852)55311111"), receipt("85255311111", "nobody"))
    assert (len(found.receipts), found.ambiguous) == (0, 2)
    assert only(match([ADA, TWICE], receipt("(852)55311111", "u3"))).key == TWICE.key


def test_a_user_id_that_is_twice_in_its_session_is_none() -> None:
    """Then only the phone decides."""
    bob = BOB._replace(user_id="u1")
    assert match([ADA, bob], receipt("", "u1")).ambiguous == 1
    assert only(match([ADA, bob], receipt("55322222", "u1"))).key == BOB.key


def test_phone_and_user_id_of_two_recipients_match_neither() -> None:
    """It contradicts itself."""
    assert match([ADA, BOB], receipt("(852)55311111", "u2")).ambiguous == 1


def test_a_phone_that_is_not_ours_is_counted() -> None:
    """It is read, and not recorded."""
    assert match([ADA], receipt("(852)55399999", "x"), receipt("", "")).foreign == 2
    assert match([], receipt("(852)55311111")).foreign == 1


@pytest.mark.parametrize(
    ("result", "proof"), [("Success", "accepted"), ("Fail", "accepted"), ("SubmitFail", "rejected"), ("Unknow", "")]
)
def test_what_a_result_proves(result: str, proof: str) -> None:
    """A carrier that failed to deliver a message had it; one to which it was not submitted had not."""
    assert only(match([ADA], receipt("(852)55311111", result=result))).proof == proof


results = st.sampled_from(list(RANKS))
times = st.none() | st.sampled_from([AT, AT.replace(hour=10)])


@given(st.lists(st.tuples(st.sampled_from([ADA, BOB]), results, times), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_receipts_in_an_answer_does_not_matter(
    given: list[tuple[Member, str, datetime | None]], random: Any
) -> None:
    """One receipt of each message stays: a final one if there is any, and the newest of those."""

    def newest(order: list[tuple[Member, str, datetime | None]]) -> dict[bytes, tuple[Any, ...]]:
        receipts = [receipt(member.phone, result=result, at=at) for member, result, at in order]
        found = rows_of(match([ADA, BOB], *receipts).receipts.newest_of_each())
        assert len({one.key for one in found}) == len(found)
        return {one.key: (one.result, one.at, one.proof) for one in found}

    kept = newest(given)
    other = list(given)
    random.shuffle(other)
    assert newest(other) == kept
    for member in (ADA, BOB):
        mine = [(result, at) for one, result, at in given if one is member]
        final = [(at or datetime.min.replace(tzinfo=UTC), RANKS[result]) for result, at in mine if result != "Unknow"]
        if final:
            assert RANKS[kept[member.key][0]] == max(final)[1]
        elif mine:
            assert kept[member.key][0] == "Unknow"
        if {"Success", "Fail"} & {result for result, _ in mine}:
            assert kept[member.key][2] == "accepted"


def test_nothing_of_a_receipt_shows_in_a_repr() -> None:
    """Reprs end in logs."""
    one = only(match([ADA], receipt("(852)55311111", desc="to 85255311111")))
    assert "5531" not in f"{one!r} {ADA!r}"


FORGOTTEN = Member(b"q" * 16, b"f" * 16, "", "")


def test_who_was_forgotten_is_no_receipt_without_a_phone() -> None:
    """Nothing is settled by it, and it does not stand in the way of a user id."""
    found = match([ADA, FORGOTTEN], receipt(""))
    assert (len(found.receipts), found.foreign) == (0, 1)
    assert only(match([ADA, FORGOTTEN], receipt("", "u1"))).key == ADA.key
