# SPDX-License-Identifier: Apache-2.0
"""Phones are shortened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.masking import (
    hide_digits,
    mask_digits,
    mask_phone,
    mask_user_id,
    masked_quote,
    without_secrets,
)


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("(852)55311111", "(852)****1111"),
        ("(1)12345", "(1)****45"),
        ("85255311111", "****1111"),
        ("12345", "****45"),
        ("1", "****"),
        ("Ann", "****"),
        ("", "****"),
    ],
)
def test_a_phone_shows_its_country_and_its_end(phone, masked):
    """Of anything that is no phone in the form that is sent, at most an end shows."""
    assert mask_phone(phone) == masked


@given(st.text())
def test_never_more_than_half_of_a_number_shows(text):
    """Of the digits of any text at most 4, and at most half, are shown."""
    digits = sum(character.isdecimal() for character in text)
    shown = sum(character.isdecimal() for character in mask_phone(text).rpartition("****")[2])
    assert shown <= min(4, digits // 2)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("phone 85255311111 is in the black list", "phone ****1111 is in the black list"),
        ("phone (852)55311111", "phone (852)****1111"),
        ("+852 5531 1111!", "****1111!"),
        ("+852-5531.1111, 2 of 1000", "****1111, 2 of 1000"),
        ("5 5 3 1 1 1 1 1", "****1111"),
        ("code 1026", "code 1026"),
        ("８５２５５３１１１１１", "****１１１１"),  # noqa: RUF001 - full width is what is tested
        ("＋８５２（５５３１）１１１１", "****１１１１"),  # noqa: RUF001
        ("٨٥٢٥٥٣١١١١١ blocked", "****١١١١ blocked"),  # noqa: RUF001
        ("८५२-५५३१-११११", "****११११"),
        ("852・5531・1111 and 852·5531·1111", "****1111 and ****1111"),
        ("852\N{ZERO WIDTH SPACE}5531\N{MINUS SIGN}1111", "****1111"),
        ("[852] 5531 1111", "[****1111"),
        ("852|5531|1111 and 852~5531~1111", "****1111 and ****1111"),
        ("852'5531'1111", "****1111"),
        ("to=+852%205531%201111&x", "to=****1111&x"),
        ("852&nbsp;5531&nbsp;1111", "****1111"),
        ("code 215392; 4 of 10", "code ****392; 4 of 10"),
        ("10.0.0.12 refused", "10.0.0.12 refused"),
        ("http://192.168.100.200:8025/api", "http://192.168.100.200:8025/api"),
        ("10.1.0.0/16 and 10.2.0.12", "10.1.0.0/16 and 10.2.0.12"),
        ("852 (10.20.30.4)", "****0304)"),
        ("(127.0.0.1:50051)", "(127.0.0.1:50051)"),
        ("20.12.34.56", "****3456"),
        ("+123.123.123.123", "****3123"),
        ("852 10.20.30.4", "****0304"),
        ("300.168.100.200", "****0200"),
        ("+0000\N{EN DASH}0.0.0.0", "****0000"),
        ("852 - 10.20.30.4", "****0304"),
        ("852,10.20.30.4", "****0304"),
        ("10.20.30.4/16/1111", "****1111"),
        ("10.20.30.4:8025 1111", "10.20.30.4:****1111"),
        ("10.0.0.12, 10.0.0.13:5432 and [10.0.0.14]", "10.0.0.12, 10.0.0.13:5432 and [10.0.0.14]"),
        ("79.123.45.67", "****4567"),
        ("phone=85.255.131.111", "phone=****1111"),
        ('server at "85.255.131.111", port 5432', 'server at "85.255.131.111", port 5432'),
        ("server on '85.255.131.111' ([Errno 111])", "server on '85.255.131.111' ([Errno 111])"),
        ("host='85.255.131.111' https://85.255.131.111/x", "host='85.255.131.111' https://85.255.131.111/x"),
        ("resolved by Ann at 2026-11-30 12:00:00 UTC", "resolved by Ann at 2026-11-30 12:00:00 UTC"),
        ("2026-11-30T12:00:00.123456+08:00 refused", "2026-11-30T12:00:00.123456+08:00 refused"),
        ("2026-11-30 1200", "****1200"),
        ("2026-11-30 12:00:00 55311111", "2026-11-30 12:00:****1111"),
        ("to=%2B852+5531+1111", "to=%2B****1111"),
        ("852%2D5531%C2%A01111 and 852%e2%80%935531%2d1111", "****1111 and ****1111"),
        (repr("852\xa05531\u20091111"), "'****1111'"),
        ("852\\u002d5531\\u200b1111 852\\n5531\\/1111", "****1111"),
        ("852&#160;5531&#x2d;1111; 852&shy;5531&#8209;1111", "****1111; ****1111"),
        ("85’255’311’111, 138、0013、8000 and 852～5531*1111", "****1111, ****8000 and ****1111"),  # noqa: RUF001
        ("(8525)5311111 and (0171)2345678 and (020)79460000", "****1111 and ****5678 and ****0000"),
        ("", ""),
    ],
)
def test_runs_of_digits_are_shortened_in_any_text(text, masked):
    """A phone is shortened however the vendor writes it; short numbers stay."""
    assert mask_digits(text) == masked


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("connection to 10.0.0.12:8025 refused for 85255311111", "connection to 10.0.0.12:8025 refused for ****"),
        ("852 10.20.30.4 is no address here", "**** is no address here"),
    ],
)
def test_a_reason_keeps_its_address_and_loses_its_phone(text, hidden):
    """As where runs are shortened."""
    assert hide_digits(text) == hidden


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://lake/a.csv", "s3://lake/a.csv"),
        ("s3://conn@lake/a.csv", "s3://conn@lake/a.csv"),
        ("sftp://host:22/a.csv", "sftp://host:22/a.csv"),
        ("s3://key:secret@lake/a.csv", "s3://****@lake/a.csv"),
        ("s3://key:sec/ret@lake/a.csv", "s3://****@lake/a.csv"),
        ("s3://key:12/34@lake/a.csv", "s3://****@lake/a.csv"),
        ("s3://key:/34@lake/a.csv", "s3://****@lake/a.csv"),
        ("postgresql://u:p@ss@h/db", "postgresql://****@h/db"),
        ("s3://a:b@x/1,s3://c:d@y/2", "s3://****@x/1,s3://****@y/2"),
        ("https://h/a.csv#token=abc", "https://h/a.csv#****"),
        ("https://h/a.csv;sig=abc", "https://h/a.csv;****"),
        ("s3://conn@lake/part-?.csv", "s3://conn@lake/part-?.csv"),
    ],
)
def test_a_secret_before_the_host_is_hidden_whatever_it_looks_like(uri, shown):
    """Also one that begins as a port would."""
    assert without_secrets(uri) == shown


_GAPS = [
    *" -.,/()[]~|'_\N{NO-BREAK SPACE}\N{EN DASH}\N{FULLWIDTH FULL STOP}\N{KATAKANA MIDDLE DOT}\N{ZERO WIDTH SPACE}",
    *"+*\N{RIGHT SINGLE QUOTATION MARK}\N{WAVE DASH}\N{IDEOGRAPHIC COMMA}\N{FRACTION SLASH}",
    *(" (", ") ", " - ", ". ", "%20", "%2D", "%C2%A0", "&nbsp;", "&#8209;", "\\u002d", "\\xa0", "\\n"),
]


@given(
    st.text("0123456789", min_size=8, max_size=15),
    st.sampled_from(["0", "\N{FULLWIDTH DIGIT ZERO}", "\N{ARABIC-INDIC DIGIT ZERO}", "\N{BENGALI DIGIT ZERO}"]),
    st.data(),
)
def test_no_phone_passes_in_any_script_with_any_separators(digits, zero, data):
    """At most half of its digits, and 4, show."""
    gaps = st.sampled_from(["", "", *_GAPS])
    written = [chr(ord(zero) + int(digit)) for digit in digits]
    text = "+" + written[0] + "".join(data.draw(gaps) + digit for digit in written[1:])
    assert sum(map(str.isdecimal, mask_digits(text))) <= 4


@given(st.text(), st.integers(10**7, 10**15), st.text())
def test_no_number_of_the_length_of_a_phone_passes(before, number, after):
    """Whatever stands around it."""
    assert str(number) not in mask_digits(f"{before}{number}{after}")


@pytest.mark.parametrize(
    ("user_id", "phone"),
    [("85255311111", "(852)55311111"), ("13800138000", "C-10012345"), ("55311111", "202611300"), ("13800138000", "")],
)
def test_a_phone_in_the_column_of_user_ids_is_masked(user_id, phone):
    """Also where the columns are swapped, and the other one has many digits."""
    assert mask_user_id(user_id, phone) == "****" + user_id[-4:]


def test_a_long_text_of_addresses_is_masked_at_once():
    """An answer of the vendor may have megabytes; looking at each address for each run would take hours."""
    text = "10.0.0.12 refused, " * 100_000
    assert mask_digits(text).count("10.0.0.12") == 100_000
    assert masked_quote(text, 30) == "10.0.0.12 refused, 10.0.0.12 r"
