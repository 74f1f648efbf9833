# SPDX-License-Identifier: Apache-2.0
"""Keys of recipients and what they are made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.keys import KEY_BYTES, KeyMaker, KeySpec, campaign_hash
from airflow_provider_uspeedo.errors import ConfigurationError, LedgerError

PHONE = KeySpec(columns=None, kinds=(), default_region="HK")
CUSTOMER = KeySpec(columns=("customer", "day"), kinds=("text", "date"), default_region="HK")
TEXTS = st.lists(st.text(st.characters(), max_size=8), min_size=1, max_size=4)


def test_keys_never_change_between_versions() -> None:
    """A ledger written years ago must know the same people: these digests are fixed for ever."""
    maker = KeyMaker(PHONE)
    assert maker.of_phone("(852)55311111").hex() == "920fa21e0227bfd43c8e3f08a8ee09c7"
    assert maker.of_values(("12345", "x")).hex() == "043469e47ce00df365a8406bd9e70de2"
    assert campaign_hash("a/b").hex() == "02c937703b176e118c02728f88e4362e"


@pytest.mark.parametrize("spelling", ["+852 5531-1111", "85255311111", "+(852)55311111"])
def test_only_the_digits_of_a_phone_count(spelling: str) -> None:
    """One phone is one recipient however its country code is written."""
    assert KeyMaker(PHONE).of_phone(spelling) == KeyMaker(PHONE).of_phone("(852)55311111")


@given(TEXTS, TEXTS)
def test_other_values_are_another_recipient(some: list[str], others: list[str]) -> None:
    """Two recipients share a key only if all values are the same, each in its own column."""
    maker = KeyMaker(CUSTOMER)
    assert (maker.of_values(some) == maker.of_values(others)) == (some == others)


@given(st.text(max_size=8), st.text(min_size=1, max_size=8))
def test_moving_the_border_between_two_columns_makes_another_recipient(left: str, right: str) -> None:
    """The values' borders are part of the key."""
    maker = KeyMaker(CUSTOMER)
    assert maker.of_values((left, right)) != maker.of_values((left + right[0], right[1:]))


def test_keys_of_phones_values_and_campaigns_never_meet() -> None:
    """The same text is another key in each of the three uses."""
    maker = KeyMaker(PHONE)
    keys = [maker.of_phone("1"), maker.of_values(("1",)), maker.of_values(()), campaign_hash("1")]
    assert len(set(keys)) == len(keys)


@given(st.text(st.characters(), max_size=300))
def test_keys_have_one_width_whatever_they_are_made_of(text: str) -> None:
    """A binary column of fixed width holds every key, lone surrogates and long texts included."""
    assert len(KeyMaker(CUSTOMER).of_values((text, text))) == len(campaign_hash(text)) == KEY_BYTES


@given(
    st.none() | st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4, unique_by=lambda pair: pair[0]),
    st.sampled_from([None, "HK", "gb"]),
    st.integers(1, 9),
)
def test_what_keys_are_made_of_is_kept_and_read_back(
    pairs: list[tuple[str, str]] | None, region: str | None, version: int
) -> None:
    """The note in the ledger gives the same spec again, and equal specs give equal notes."""
    columns = None if pairs is None else tuple(column for column, _ in pairs)
    spec = KeySpec(columns, tuple(kind for _, kind in pairs or ()), region, version)
    assert KeySpec.from_json(spec.to_json()) == spec
    assert KeySpec.from_json(spec.to_json()).to_json() == spec.to_json()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"columns":null}', PHONE.to_json()[:-1] + ',"salt":1}', CUSTOMER.to_json()[:-9]],
)
def test_a_note_that_cannot_be_read_is_an_error_of_the_ledger(text: str) -> None:
    """What this version does not understand is refused, not guessed."""
    with pytest.raises(LedgerError, match="cannot be read"):
        KeySpec.from_json(text)


@pytest.mark.parametrize(
    ("before", "now", "difference"),
    [
        (PHONE, PHONE, ""),
        (PHONE, KeySpec(None, (), "hk"), ""),
        (CUSTOMER, KeySpec(CUSTOMER.columns, CUSTOMER.kinds, "GB"), ""),
        (CUSTOMER, PHONE, "by 'customer', 'day' before and by the phone now"),
        (
            PHONE,
            KeySpec(None, (), None),
            "by the phone with default_region='HK' before and by the phone with default_region=None now",
        ),
        (
            CUSTOMER,
            KeySpec(CUSTOMER.columns, ("integer", "date"), "HK"),
            "by 'customer' (text), 'day' (date) before and by 'customer' (integer), 'day' (date) now",
        ),
        (PHONE, KeySpec(None, (), "HK", 2), "by version 1 of the keys before and by version 2 of the keys now"),
    ],
)
def test_a_run_that_would_make_other_keys_is_refused_with_the_difference(
    before: KeySpec, now: KeySpec, difference: str
) -> None:
    """The difference is named where keys would differ, and empty where they would not."""
    assert before.describe_difference(now) == difference


@pytest.mark.parametrize(
    ("columns", "kinds"), [((), ()), (("a", "a"), ("text", "text")), (("a",), ()), (None, ("text",))]
)
def test_a_spec_that_makes_no_key_is_refused(columns: tuple[str, ...] | None, kinds: tuple[str, ...]) -> None:
    """No key column, one twice, or a missing kind is an error of configuration."""
    with pytest.raises(ConfigurationError):
        KeySpec(columns, kinds, None)


def test_keys_of_an_unknown_version_are_not_made() -> None:
    """A campaign begun by a newer version is left alone rather than texted again."""
    with pytest.raises(ConfigurationError, match="version 2"):
        KeyMaker(KeySpec(None, (), None, 2))


@given(st.lists(st.from_regex(r"\([1-9][0-9]{0,2}\)[0-9]{2,17}", fullmatch=True)))
def test_the_keys_of_a_column_of_phones_are_those_of_its_phones(phones: list[str]) -> None:
    """Made together, they are the same bytes."""
    maker = KeyMaker(PHONE)
    assert maker.of_phones(phones) == [maker.of_phone(phone) for phone in phones]


@given(st.lists(st.tuples(st.text(st.characters()), st.text(st.characters())), min_size=1))
def test_the_keys_of_key_columns_are_those_of_their_rows(rows: list[tuple[str, str]]) -> None:
    """Made together, they are the same bytes."""
    maker = KeyMaker(CUSTOMER)
    columns = [list(column) for column in zip(*rows, strict=True)]
    assert maker.of_columns(columns) == [maker.of_values(row) for row in rows]
