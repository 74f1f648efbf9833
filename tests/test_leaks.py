# SPDX-License-Identifier: Apache-2.0
"""What the tests take for a shown phone, and what they do not."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone
from tests.leaks import leaks, numbers

PHONE = "(852)55311842"


@pytest.mark.parametrize(
    "shown",
    [
        "(852)55311842", "+85255311842", "+852 5531 1842", "55311842", "5531-1842", "(5531) 1842", "to85255311842x",
        "%2B852%205531%201842", r"\u002b85255311842", "phone=85255311842&", "wanted=5531+1842", "6f85255311842a0",
        "****11842", "(852)****1 1842", "\u2022\u202255311842", "+85255****", "85255311***", "  55311842.0",
    ],
)  # fmt: skip
def test_a_phone_is_found_in_every_spelling(shown: str) -> None:
    """Whole or, beside a mask, too much of it."""
    for text in (shown, f"before {shown}, after", f'{{"to": ["{shown}"]}}'):
        (found,) = leaks(text, "(86)13900000001", PHONE)
        assert shown[-4:] in found
    assert leaks(f"a {shown} b".encode(), PHONE)


@pytest.mark.parametrize(
    "text",
    [
        mask_phone(PHONE), mask_digits("+852 5531-1842 is bad"), "1842", "31842", "port 11842", "13:55.311842",
        "3f5531184207", "id 0c55311842-77aa-4c31-9d27-000000000000", "(852)****", "852 rows", "(852)****184",
        "(852)55311843", "request 7a55311842b4553118a2",
    ],
)  # fmt: skip
def test_what_is_masked_or_made_by_chance_is_none(text: str) -> None:
    """The last four digits, and runs of digits in ids, ports and times."""
    assert leaks(text, PHONE) == []


def test_what_is_shown_of_a_leak_is_short() -> None:
    """A database may be megabytes of text."""
    (found,) = leaks("x" * 1_000_000 + PHONE + "y" * 1_000_000, PHONE)
    assert len(found) < 200


def test_a_run_of_digits_in_an_id_is_no_number() -> None:
    """But one that stands alone, or behind a country code, is."""
    assert numbers("to 55311842, (852)55311842 and 85255311842.") == ["55311842", "55311842", "85255311842"]
    assert numbers("0c55311842, 55311842ab, 1234567") == []
