# SPDX-License-Identifier: Apache-2.0
"""User ids that a vendor's echo may confuse never share a request."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.arrays import column_of_texts
from airflow_provider_uspeedo.core.chunks import cut
from airflow_provider_uspeedo.core.marks import folded_texts, variants
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient

ALIKE = [
    ("1001", "1001 "), ("1001", "01001"), ("1001", "1001.0"), ("1001", "+1001"), ("-7", "-07"), ("Ada", "ADA"),
    ("a b", "ab"), ("a\u00a0b", "a b"), ("é", "e\u0301"), ("\uff1100\uff11", "1001"),
    ("\uff71", "\u30a2"), ("a\u200bb", "ab"), ("0", "000"),
]  # fmt: skip
marks = st.text(st.sampled_from("01aA .é\u0301+-"), max_size=4)


def recipient(row: int, mark: str, phone: int | None = None) -> Recipient:
    return Recipient(row, row.to_bytes(16, "big"), f"(852){phone or row}", (), mark, "", "T", "")


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_may_be_lost_does_not_count(one: str, other: str) -> None:
    assert len(set(folded_texts([one, other]))) == 1
    assert len(cut(RecipientBatch.of([recipient(1, one), recipient(2, other)]))) == 2


@pytest.mark.parametrize(
    ("one", "other"), [("1001", "1002"), ("A-1", "A1"), ("1.5", "15"), ("007a", "7a"), ("-7", "7")]
)
def test_other_differences_count(one: str, other: str) -> None:
    assert len(set(folded_texts([one, other]))) == 2
    assert len(cut(RecipientBatch.of([recipient(1, one), recipient(2, other)]))) == 1


@pytest.mark.parametrize("mark", ["", "the same", "0"])
def test_equal_user_ids_share_a_request(mark: str) -> None:
    """There is no difference to lose; the phone tells them apart."""
    assert len(cut(RecipientBatch.of([recipient(row, mark) for row in range(1, 9)]))) == 1


@settings(deadline=None)
@given(st.lists(marks, max_size=12))
def test_folding_a_column_is_folding_each(texts: list[str]) -> None:
    """Whatever its neighbours are: the quick ways for plain columns give the same."""
    assert folded_texts(texts) == [folded_texts([text, "é\u00a0."])[0] for text in texts]


@settings(deadline=None)
@given(st.lists(st.tuples(marks, st.integers(1, 6)), max_size=20), st.integers(1, 5))
def test_no_request_holds_two_spellings(rows: list[tuple[str, int]], size: int) -> None:
    """Nor a phone twice; and nobody is lost."""
    recipients = [recipient(row, mark, phone) for row, (mark, phone) in enumerate(rows, 1)]
    chunks = [list(chunk) for chunk in cut(RecipientBatch.of(recipients), size)]
    assert Counter(one for chunk in chunks for one in chunk) == Counter(recipients)
    for chunk in chunks:
        assert len({one.phone for one in chunk}) == len(chunk) <= size
        spellings = {one.user_id for one in chunk}
        assert len(set(folded_texts(list(spellings)))) == len(spellings)


def test_one_spelling_of_each_needs_no_division() -> None:
    assert variants(column_of_texts(["a", "b", "a", "", "1"])) is None
    assert list(variants(column_of_texts(["1", "1 ", "1", "2"]))) == [0, 1, 0, 0]
