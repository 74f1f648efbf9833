# SPDX-License-Identifier: Apache-2.0
"""A column of phones reads as each of its phones does."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.phones import PhoneReader
from tests.core.test_phones import ACCEPTED, REFUSED, REGIONS, TRAPS, code_of, dialled, ours

FORMS = st.sampled_from(
    [
        "+{code}{digits}",
        "{code}{digits}",
        "00{code}{digits}",
        "({code}){digits}",
        "({code}{digits}",
        "({code}",
        "+({code}) {digits}",
        "(+{code}) {digits}",
        "( {code} ) {digits}",
        "+{code} (0){digits}",
        "++{code}{digits}",
        "{code}+{digits}",
        "011{code}{digits}",
        "{digits}",
        "({digits}",
        "{digits}+",
        "{digits}+{digits}",
        "-{digits}",
        "'{digits}",
    ]
)
ODD = st.sampled_from(["", "+", "00", "(", "-", "\n", "\0", "+852", "+85", "8", None, object(), b"+85255311111", 5531])
GAPS = st.sampled_from(
    ["", "", " ", "-", "\t", ")", "(", "\n", "\r\n", "\N{NO-BREAK SPACE}", "\N{ARABIC-INDIC DIGIT ONE}"]
)


class WatchedReader(PhoneReader):
    """Counts the phones that are read alone."""

    read_alone = 0

    def read(self, text: str) -> str:
        self.read_alone += 1
        return super().read(text)


@st.composite
def spelled(draw: st.DrawFn) -> str:
    """Draw a phone of any region, spelled in one of many ways, good or not."""
    region, digits = draw(dialled())
    text = draw(FORMS).format(code=code_of(region), digits=digits)
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(GAPS) + text[place:]


@settings(deadline=None, max_examples=500)
@given(
    st.lists(spelled() | spelled() | spelled() | ODD | st.text(st.characters(exclude_categories=()), max_size=20)),
    st.none() | st.sampled_from(TRAPS) | st.sampled_from(REGIONS),
)
def test_a_column_reads_as_its_phones_do_one_by_one(texts: list[Any], region: str | None) -> None:
    """Whatever stands beside a phone, and however it is spelled, the quick way gives what the slow way gives."""
    expected = [ours(text, region) if type(text) is str else None for text in texts]
    assert PhoneReader(region).read_all(texts) == expected


@settings(deadline=None)
@given(st.lists(dialled(), min_size=1), st.sampled_from(["+{1}{0}", "{0}", "{1}{0}"]))
def test_a_column_of_one_spelling_reads_as_its_phones_do(cases: list[tuple[str, str]], form: str) -> None:
    """Nothing odd sends the column to a closer look, in none of the regions that its phones belong to."""
    for region in {region for region, _ in cases}:
        texts = [form.format(digits, code_of(region)) for _, digits in cases]
        assert PhoneReader(region).read_all(texts) == [ours(text, region) for text in texts]


@pytest.mark.parametrize("text", ["5531111+", "553+1111", "8525+531111", "+8525531111+", "+852+5311111"])
def test_a_plus_that_is_not_first_is_no_digit(text: str) -> None:
    """Neither alone nor beside good phones does it count as one."""
    assert PhoneReader("HK").read_all([text]) == [None]
    assert PhoneReader("HK").read_all(["55311111", text, "+85255311111"]) == ["(852)55311111", None, "(852)55311111"]


@pytest.mark.parametrize("region", sorted({region for _, region, _ in (*ACCEPTED, *REFUSED)}, key=str))
def test_all_spellings_that_are_tested_elsewhere_read_the_same_in_one_column(region: str | None) -> None:
    """Those that are accepted and those that are refused stand side by side."""
    texts = [text for text, *_ in (*ACCEPTED, *REFUSED)]
    assert PhoneReader(region).read_all(texts) == [ours(text, region) for text in texts]


@pytest.mark.parametrize("region", REGIONS)
def test_the_examples_of_every_region_read_the_same_in_one_column(region: str) -> None:
    """Mobile and fixed numbers of all countries, with their code and as they are dialled at home."""
    kinds = [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]
    examples = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
    formats = [phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.NATIONAL]
    texts = [phonenumbers.format_number(example, style) for example in examples if example for style in formats]
    texts += [text.removeprefix("+") for text in texts]
    assert PhoneReader(region).read_all(texts) == [ours(text, region) for text in texts]


@pytest.mark.parametrize(
    ("region", "texts"),
    [
        (None, ["+85255311111", "+852 5531-1112", "+8613800138000", "+6591234567", "+12125550100"]),
        (None, ["+447911123456", "+4915123456789", "+919876543210", "+62812345678", "+33 6 12 34 56 78"]),
        (None, ["(852)55311111", "(65)81234567", "(44)7911123456", "(1) 212-555-0100", "( 86 )13800138000"]),
        ("HK", ["(852)55311111", "(852) 5531-1112", "(86)13800138000", "(65)81234567"]),
        ("HK", ["55311111", "5531 1112", "85255311111", "+85255311111", "+8613800138000"]),
        ("CN", ["13800138000", "138-0013-8000", "8613800138000", "010 6552 9988"]),
        ("GB", ["07911123456", "07911 123456", "7911123456", "447911123456", "(020) 7031 3000"]),
        ("US", ["6502530000", "(650) 253-0000", "1-650-253-0000", "650-253-0000"]),
    ],
)
def test_common_spellings_are_never_read_one_by_one(region: str | None, texts: list[str]) -> None:
    """A table of a million phones takes long otherwise; and a bad phone among them sends no other the slow way."""
    reader = WatchedReader(region)
    assert None not in reader.read_all(texts)
    assert reader.read_alone == 0
    reader.read_all([*texts, None, "12 34\n", "\N{NO-BREAK SPACE}", "x"])
    assert reader.read_alone == 3


@given(st.lists(spelled() | ODD | st.text(max_size=20), max_size=40), st.sampled_from([None, "HK", "US"]))
@example([" +447400123456"], None)
def test_what_is_remembered_is_bounded(texts: list[Any], region: str | None) -> None:
    """A column of garbage leaves nothing behind but beginnings of at most four characters, all of them phone-like."""
    reader = PhoneReader(region)
    reader.read_all(texts)
    assert all(
        re.fullmatch(r"[+(?]?[+]?[0-9]*", beginning) and len(beginning) <= 4 for beginning in reader._column._rules
    )
