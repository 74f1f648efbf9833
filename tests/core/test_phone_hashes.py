# SPDX-License-Identifier: Apache-2.0
"""A phone's hash is HMAC-SHA-256 under the ledger's key: the same everywhere, and nothing without the key."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.arrays import TEXT
from airflow_provider_uspeedo.core.phone_hashes import PHONE_HASH_BYTES, PHONE_KEY_BYTES, PhoneHasher
from airflow_provider_uspeedo.errors import LedgerError

KEY = bytes(range(PHONE_KEY_BYTES))
PHONE = "(852)55311111"
KEYS = st.binary(min_size=PHONE_KEY_BYTES, max_size=PHONE_KEY_BYTES)
PHONES = st.from_regex(r"\([0-9]{1,3}\)[0-9]{4,14}", fullmatch=True)


def test_a_hash_is_written_down_and_never_changes() -> None:
    """Another hash for the same phone would let everyone who opted out be texted."""
    assert PhoneHasher(KEY).of(PHONE).hex() == ("63eaeb248a8a520ec3611f355059def2b861a06a20e275ce498ae7db1c263ab1")


@given(key=KEYS, phone=PHONES)
def test_it_is_the_hmac_of_the_standard(key: bytes, phone: str) -> None:
    """Any other program that has the key can make the same hash."""
    assert PhoneHasher(key).of(phone) == hmac.digest(key, phone.encode(), hashlib.sha256)


@given(key=KEYS, phones=st.lists(PHONES, max_size=20), cut=st.integers(0, 20))
def test_a_column_has_the_hashes_of_its_phones(key: bytes, phones: list[str], cut: int) -> None:
    """One after another, also in a column that is a part of another one."""
    hasher = PhoneHasher(key)
    column = hasher.of_column(pa.array(phones, TEXT).slice(cut))
    assert column.type == pa.binary(PHONE_HASH_BYTES)
    assert column.to_pylist() == [hasher.of(phone) for phone in phones[cut:]]


def test_another_key_gives_another_hash() -> None:
    """What one ledger knows says nothing about another ledger's list."""
    keys = [bytes([number]) * PHONE_KEY_BYTES for number in range(3)]
    assert len({PhoneHasher(key).of(PHONE) for key in keys}) == len(keys)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    """It was cut or changed: its hashes would match nobody."""
    with pytest.raises(LedgerError, match=f"{length} bytes instead of 32"):
        PhoneHasher(b"k" * length)


def test_the_key_is_not_shown() -> None:
    """A traceback may show the object."""
    assert repr(PhoneHasher(KEY)) == "PhoneHasher()"


def test_threads_may_share_it() -> None:
    """Every thread of an attempt hashes with the same one."""
    hasher, phones = PhoneHasher(KEY), [f"(852){number}" for number in range(55310000, 55312000)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(hasher.of, phones)) == hasher.of_phones(phones)
