# SPDX-License-Identifier: Apache-2.0
"""Recipients by column are the same recipients: however they are cut, chosen and joined."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.phone_hashes import PhoneHasher
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch, all_differ
from airflow_provider_uspeedo.core.recipients import Recipient

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
HALVES = st.sampled_from([b"a" * 8, b"b" * 8])
KEYS = st.binary(min_size=16, max_size=16) | st.tuples(HALVES, HALVES).map(b"".join)
PEOPLE = st.lists(
    st.builds(
        Recipient,
        st.integers(1, 2**40),
        KEYS,
        TEXTS,
        st.lists(TEXTS, max_size=3).map(tuple),
        TEXTS,
        TEXTS,
        TEXTS,
        TEXTS,
    ),
    max_size=12,
)


@settings(deadline=None)
@given(PEOPLE)
def test_every_recipient_that_goes_in_comes_out(people: list[Recipient]) -> None:
    """Each of them, in order, one by one or all, and their columns."""
    block = RecipientBatch.of(people)
    assert list(block) == people
    assert [block[place] for place in range(-len(people), len(people))] == people * 2
    assert block.keys() == [one.key for one in people]
    assert block.texts("phone") == [one.phone for one in people]
    assert [tuple(contact) for contact in block.contacts()] == [(one.key, one.phone, one.user_id) for one in people]
    assert block.last_row() == max((one.row_number for one in people), default=0)


@settings(deadline=None)
@given(PEOPLE, st.slices(12), st.slices(12))
def test_a_slice_is_cut_and_joined_like_a_list(people: list[Recipient], first: slice, second: slice) -> None:
    """A slice of a slice, too; and what is chosen from it, and joined of it."""
    part, expected = RecipientBatch.of(people)[first], people[first]
    assert list(part) == expected
    assert list(part[second]) == expected[second]
    assert list(RecipientBatch.joined([part, part[second], part])) == [*expected, *expected[second], *expected]
    backwards = np.arange(len(expected))[::-1]
    assert list(part.take(backwards)) == expected[::-1]
    assert part.keys() == [one.key for one in expected]


@settings(deadline=None)
@given(PEOPLE, st.slices(12), st.lists(st.booleans(), min_size=12, max_size=12))
def test_hashes_of_phones_go_along_with_their_recipients(
    people: list[Recipient], part: slice, chosen: list[bool]
) -> None:
    """Wherever they are cut, chosen and joined; and they are made once."""
    hasher = PhoneHasher(bytes(32))
    whole = RecipientBatch.of(people).hashed(hasher)
    mask = np.array(chosen[: len(people[part])], bool)
    some = whole[part].only(mask)
    joined = RecipientBatch.joined([some, whole, some[:0]])
    for batch in (whole, whole[part], some, joined):
        assert batch.hashed(PhoneHasher(bytes([1] * 32))) is batch or not len(batch)
        assert batch.hashed(hasher).hashes() == hasher.of_phones(batch.texts("phone"))
    assert list(joined) == [*some, *people, *some[:0]]


@settings(deadline=None)
@given(PEOPLE, st.slices(12), st.lists(KEYS, max_size=2))
def test_questions_are_answered_of_a_slice_as_of_a_list(
    people: list[Recipient], cut: slice, other_keys: list[bytes]
) -> None:
    """Who has one of some keys, and whether all are different."""
    part, expected = RecipientBatch.of(people)[cut], people[cut]
    keys = {*other_keys, *(one.key for one in expected[::2])}
    mask = [one.key in keys for one in expected]
    assert part.having(keys).tolist() == mask
    assert list(part.only(np.array(mask, bool))) == [one for one in expected if one.key in keys]
    assert part.differ_in("phone") == (len({one.phone for one in expected}) == len(expected))
    both = [*people[:5], *expected]
    assert all_differ([RecipientBatch.of(people[:5]), part], "key") == (len({one.key for one in both}) == len(both))


def test_its_text_names_no_recipient() -> None:
    """It may stand in a traceback."""
    people = RecipientBatch.of([Recipient(1, b"k" * 16, "(852)55311111", ("Ann",), "u", "", "T", "S")])
    assert f"{people!r} {people.contacts()}" == "<1 recipients> [Contact()]"
