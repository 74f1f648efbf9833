# SPDX-License-Identifier: Apache-2.0
"""A digest stands for what a row sends; a sum of digests stands for rows in any order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.row_digests import RowDigests, RowSum

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=4) | st.sampled_from(["", "1", "1:", "11", ":"])
KEYS = st.sampled_from([b"a" * 16, b"b" * 16])
PARAMS = st.lists(TEXTS, max_size=3).map(tuple)
PEOPLE = st.lists(
    st.builds(Recipient, st.integers(1, 2**40), KEYS, TEXTS, PARAMS, *[TEXTS] * (len(Recipient._fields) - 4)),
    max_size=8,
)
BAD = st.lists(
    st.builds(
        BadRow, st.integers(1, 2**40), st.sampled_from(["invalid", "suppressed"]), TEXTS, TEXTS, TEXTS, TEXTS, TEXTS,
        st.none() | KEYS,
    ),
    max_size=8,
)  # fmt: skip
MADE = RowDigests(b"a key")


def of(people: list[Recipient]) -> list[bytes]:
    return [digest.tobytes() for digest in MADE.of(RecipientBatch.of(people))]


def summed(*parts: list[Recipient]) -> RowSum:
    found = RowSum()
    for part in parts:
        found.add(MADE.of(RecipientBatch.of(part)))
    return found


@settings(deadline=None)
@given(PEOPLE)
def test_rows_have_one_digest_exactly_where_all_that_they_send_is_the_same(people: list[Recipient]) -> None:
    """No matter how texts are divided among fields; only where the row stands does not count."""
    contents = [one[1:] for one in people]
    digests = of(people)
    for first, content in zip(digests, contents, strict=True):
        assert [digest == first for digest in digests] == [other == content for other in contents]


@settings(deadline=None)
@given(PEOPLE, st.slices(8))
def test_a_part_of_a_batch_has_the_digests_of_its_rows(people: list[Recipient], part: slice) -> None:
    """Columns that share the memory of longer ones are read at the right place."""
    batch = RecipientBatch.of(people)
    assert [digest.tobytes() for digest in MADE.of(batch[part])] == of(people)[part]
    backwards = np.arange(len(people))[::-1]
    assert [digest.tobytes() for digest in MADE.of(batch.take(backwards))] == of(people)[::-1]


@settings(deadline=None)
@given(PEOPLE, st.randoms(use_true_random=False), st.integers(0, 8))
def test_a_sum_is_the_same_in_any_order_and_in_any_parts(people: list[Recipient], chance: object, cut: int) -> None:
    """And another one where a row is missing or twice there."""
    mixed = list(people)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert summed(mixed[:cut], mixed[cut:]) == summed(people)
    if people:
        assert summed(people[1:]).to_bytes() != summed(people).to_bytes()
        assert summed([*people, people[0]]).to_bytes() != summed(people).to_bytes()


@settings(deadline=None)
@given(BAD)
def test_bad_rows_have_one_digest_where_all_but_number_and_reason_is_the_same(rows: list[BadRow]) -> None:
    """The words of a reason may change with a version of a library."""
    contents = [(row.status, row.phone, row.user_id, row.template_id, row.sender_id, row.key) for row in rows]
    digests = [digest.tobytes() for digest in MADE.of_bad(BadRows.of(rows))]
    for first, content in zip(digests, contents, strict=True):
        assert [digest == first for digest in digests] == [other == content for other in contents]


def test_without_the_key_no_digest_can_be_made_again() -> None:
    """A phone cannot be found by making the digests of all phones."""
    batch = RecipientBatch.of([Recipient(1, b"k" * 16, "(852)55311111", (), *[""] * (len(Recipient._fields) - 4))])
    assert RowDigests(b"another").of(batch).tobytes() != MADE.of(batch).tobytes()
