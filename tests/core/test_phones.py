# SPDX-License-Identifier: Apache-2.0
"""Phones as people write them."""

from __future__ import annotations

import contextlib
import re

import phonenumbers
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.keys import FIRST_RULES
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader, normalise
from airflow_provider_uspeedo.errors import ConfigurationError

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TRAPS = [
    "GB",
    "IT",
    "CI",
    "GA",
    "RU",
    "BY",
    "KZ",
    "US",
    "AG",
    "MX",
    "AR",
    "BR",
    "CN",
    "HK",
    "JP",
    "GG",
    "DE",
    "SM",
    "CC",
]
WANTED = re.compile(r"\([1-9][0-9]{0,2}\)[0-9]{2,17}")

ACCEPTED = [
    ("+85255311111", None, "(852)55311111"),
    ("+852 5531-1111", None, "(852)55311111"),
    ("+(852) 55311111", None, "(852)55311111"),
    ("(+852)55311111", None, "(852)55311111"),
    ("(852)55311111", None, "(852)55311111"),
    ("( 852 ) 5531 1111", None, "(852)55311111"),
    ("[852] 5531 1111", None, "(852)55311111"),
    ("0085255311111", None, "(852)55311111"),
    ("(00852) 55311111", None, "(852)55311111"),
    ("tel:+852-5531-1111", None, "(852)55311111"),
    ("5531 1111", "HK", "(852)55311111"),
    ("5531 1111", "hk", "(852)55311111"),
    ("85255311111", "HK", "(852)55311111"),
    ("35831000", "FI", "(358)35831000"),
    ("35831000", "AX", "(358)35831000"),
    ("85255311111.0", "HK", "(852)55311111"),
    ("55311111.00", "HK", "(852)55311111"),
    ("'+85255311111", None, "(852)55311111"),
    ("\N{RIGHT SINGLE QUOTATION MARK}55311111", "HK", "(852)55311111"),
    ("  55311111\r\n", "HK", "(852)55311111"),
    ("5531\t1111", "HK", "(852)55311111"),
    ("+852\N{NO-BREAK SPACE}5531\N{EN DASH}1111", None, "(852)55311111"),
    ("+852\N{NARROW NO-BREAK SPACE}5531\N{NON-BREAKING HYPHEN}1111", None, "(852)55311111"),
    ("+852 5531\N{MINUS SIGN}1111", None, "(852)55311111"),
    ("\N{LEFT-TO-RIGHT EMBEDDING}+85255311111\N{POP DIRECTIONAL FORMATTING}", None, "(852)55311111"),
    ("\N{ZERO WIDTH NO-BREAK SPACE}+85255311111", None, "(852)55311111"),
    ("＋８５２（５５３１）１１１１", None, "(852)55311111"),  # noqa: RUF001 - full width is what is tested
    ("٥٥٣١١١١١", "HK", "(852)55311111"),
    ("5531.1111", "HK", "(852)55311111"),
    ("06.12.34.56.78", "FR", "(33)612345678"),
    ("6.12.34.56.78", "FR", "(33)612345678"),
    ("20.12.34.56", "DK", "(45)20123456"),
    ("+49.171.1234567", None, "(49)1711234567"),
    ("+49.1711234567", None, "(49)1711234567"),
    ("0171.1234567", "DE", "(49)1711234567"),
    ("+49 (0)171.1234567", None, "(49)1711234567"),
    ("+1.650-253.0000", None, "(1)6502530000"),
    ("(650) 253.0000", "US", "(1)6502530000"),
    ("85255311111.000", "HK", "(852)55311111"),
    ("85255311111.000000000", "HK", "(852)55311111"),
    ("+85255311111.0", None, "(852)55311111"),
    ("5531.0000", "HK", "(852)55310000"),
    ("55311111,00", "HK", "(852)55311111"),
    ("85,255,311,111", "HK", "(852)55311111"),
    ("85.255.311.111", "HK", "(852)55311111"),
    ("0171/1234567", "DE", "(49)1711234567"),
    ("+49/171/1234567", None, "(49)1711234567"),
    ("089/1234-567", "DE", "(49)891234567"),
    ("whatsapp:+85255311111", None, "(852)55311111"),
    ("WhatsApp: +852 5531 1111", None, "(852)55311111"),
    ("tel://+85255311111", None, "(852)55311111"),
    ("sms:+85255311111", None, "(852)55311111"),
    ("Tel. 5531 1111", "HK", "(852)55311111"),
    ("Mobile: 5531 1111", "HK", "(852)55311111"),
    ("+52 1 55 1234 5678", None, "(52)5512345678"),
    ("+52 55 1234 5678", None, "(52)5512345678"),
    ("5215512345678", "MX", "(52)5512345678"),
    ("044 55 1234 5678", "MX", "(52)5512345678"),
    ("+55 11 8765-4321", None, "(55)11987654321"),
    ("+55 11 98765-4321", None, "(55)11987654321"),
    ("(11) 8765-4321", "BR", "(55)11987654321"),
    ("551187654321", "BR", "(55)11987654321"),
    ("+55 11 3265-4321", None, "(55)1132654321"),
    ("+54 9 11 4321-5678", None, "(54)91143215678"),
    ("+54 11 15 4321-5678", None, "(54)91143215678"),
    ("+54 11 4321-5678", None, "(54)1143215678"),
    ("+44 7911 123456", None, "(44)7911123456"),
    ("+44 07911 123456", None, "(44)7911123456"),
    ("+44 (0)7911 123456", None, "(44)7911123456"),
    ("(0)7911 123456", "GB", "(44)7911123456"),
    ("07911 123456", "GB", "(44)7911123456"),
    ("(020) 7031 3000", "GB", "(44)2070313000"),
    ("+39 06 1234 5678", None, "(39)0612345678"),
    ("+225 07 07 12 34 56", None, "(225)0707123456"),
    ("4915123456789", "DE", "(49)15123456789"),
    ("49 0151 23456789", "DE", "(49)15123456789"),
    ("62812345678", "ID", "(62)812345678"),
    ("55991234567", "BR", "(55)55991234567"),
    ("16502530000", "US", "(1)6502530000"),
    ("8 912 345-67-89", "RU", "(7)9123456789"),
    ("8 029 491-19-11", "BY", "(375)294911911"),
    ("(650) 253-0000", "US", "(1)6502530000"),
    ("1-650-253-0000", "US", "(1)6502530000"),
    ("(212) 555-0100", "US", "(1)2125550100"),
    ("011 852 5531 1111", "US", "(852)55311111"),
    ("011 15 4321-5678", "AR", "(54)91143215678"),
    ("(11) 98765-4321", "BR", "(55)11987654321"),
    ("0 15 11 98765-4321", "BR", "(55)11987654321"),
    ("+800 1234 5678", None, "(800)12345678"),
    ("464 1234", "AG", "(1)2684641234"),
]

REFUSED = [
    ("", None, "empty"),
    (" \N{NO-BREAK SPACE} ", "HK", "empty"),
    ("-", "HK", "has no digits"),
    ("()", "HK", "has no digits"),
    ("55311111", None, "no country code; write it as +"),
    ("+999 5531 1111", None, "unknown country code"),
    ("+0 5531 1111", "HK", "unknown country code"),
    ("+852 553", None, "too short for +852"),
    ("(852)5531", "HK", "too short for +852"),
    ("+852 5531 1111 1111", None, "too long for +852"),
    ("253-0000", "US", "too short for +1: the area code is missing"),
    ("+852 5531 1111 11", None, "no number of +852 has this many digits"),
    ("9" * 60, "HK", "too long for +852"),
    ("+852 5531 1111 " * 9, "HK", "too long to be one phone number"),
    ("8.5E+10", "HK", "scientific notation"),
    ("8,5255311111e10", "HK", "scientific notation"),
    ("+852 5531 1111 x12", None, "has an extension"),
    ("5531 1111 ext. 5", "HK", "has an extension"),
    ("5531 1111 #5", "HK", "has an extension"),
    ("tel:+852-5531-1111;ext=5", None, "has an extension"),
    ("1-800-FLOWERS", "US", "has letters"),
    ("N/A", "HK", "text of a missing value"),
    ("<NA>", "HK", "text of a missing value"),
    ("None", "HK", "text of a missing value"),
    ("\\N", "HK", "text of a missing value"),
    ("10.0.0.1", "DE", "is an IP address"),
    ("28/11/2026", "HK", "is a date"),
    ("2026/11/28", "HK", "is a date"),
    ("2026-11-28", "CN", "is a date"),
    ("28.11.2026", "DE", "is a date"),
    ("28-11-2026", "NO", "is a date"),
    (" 1999-01-31 ", None, "is a date"),
    ("55311111/55312222", "HK", "more than one number"),
    ("+85255311111/+85255312222", None, "more than one number"),
    ("55311111/22", "HK", "more than one number"),
    ("55311111,5", "HK", "has a decimal point"),
    ("85255311111.50", "HK", "has a decimal point"),
    ("-85255311111.0", "HK", "begins with a minus sign"),
    ("8.5255311111E10", "HK", "scientific notation"),
    ("112", "DE", "too short for +49"),
    ("nan", "HK", "has letters"),
    ("55311111,55312222", "HK", "more than one number"),
    ("5531 1111 / 5531 2222", "HK", "more than one number"),
    ("55311111\n55312222", "HK", "more than one number"),
    ("+85255311111 +85255312222", None, "more than one number"),
    ("-85255311111", "HK", "begins with a minus sign"),
    ("55311111.5", "HK", "has a decimal point"),
    ("\N{MOBILE PHONE}55311111", "HK", "has a character that no phone number has"),
    ("5531111\N{SUPERSCRIPT TWO}", "HK", "has a character that no phone number has"),
]


def library(text: str, region: str | None) -> str | None:
    """Read with ``phonenumbers`` alone; ``None`` for what is not possible."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    national = phonenumbers.national_significant_number(number)
    if number.country_code == 55 and re.fullmatch(r"[1-9]{2}[689]\d{7}", national):
        national = f"{national[:2]}9{national[2:]}"
    return f"({number.country_code}){national}"


def ours(text: str, region: str | None, bare_digits: str | None = None) -> str | None:
    try:
        return PhoneReader(region, bare_digits).read(text)
    except BadPhone:
        return None


def is_mobile(reading: str | None, region: str) -> bool:
    """Return whether it is of the shape of the region's mobile numbers."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    assert metadata.mobile is not None
    pattern = metadata.mobile.national_number_pattern or "(?!)"
    return reading is not None and re.fullmatch(pattern, reading.partition(")")[2]) is not None


def is_valid(reading: str | None) -> bool:
    """Return whether it is a valid number of some region of its country code."""
    return reading is not None and phonenumbers.is_valid_number(phonenumbers.parse("+" + re.sub("[()]", "", reading)))


def code_of(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region))


@st.composite
def dialled(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a region, and digits near to what is dialled there: with prefixes, without, and not quite right."""
    region = draw(st.sampled_from(TRAPS) | st.sampled_from(REGIONS))
    kind = draw(st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]))
    example = phonenumbers.example_number_for_type(region, kind)
    digits = st.text("0123456789", min_size=3, max_size=14)
    if example is not None:
        known = phonenumbers.national_significant_number(example)
        changed = st.integers(0, len(known) - 1).flatmap(
            lambda place: st.sampled_from("0123456789").map(lambda digit: known[:place] + digit + known[place + 1 :])
        )
        digits = st.just(known) | changed | digits
    code = code_of(region)
    prefix = draw(
        st.sampled_from(["", "", "0", "1", "8", "9", "15", "015", "80", "011", code, code + "0", code + code])
    )
    return region, prefix + draw(digits)


@pytest.mark.parametrize(("text", "region", "expected"), ACCEPTED)
def test_what_people_write_becomes_the_form_that_the_api_takes(text: str, region: str | None, expected: str) -> None:
    """Every accepted way to write a phone gives ``(country code)number``."""
    assert PhoneReader(region).read(text) == expected


@pytest.mark.parametrize(("text", "region", "reason"), REFUSED)
def test_what_is_no_phone_is_refused_with_its_own_reason(text: str, region: str | None, reason: str) -> None:
    """A text that cannot be texted is refused, and the reason says what is wrong with it."""
    with pytest.raises(BadPhone) as caught:
        PhoneReader(region).read(text)
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("(852)55311111", "CN", "(852)55311111"),
        ("(852)55311111", "DE", "(852)55311111"),
        ("(49)1711234567", "DE", "(49)1711234567"),
        ("(20) 7031 3000", "GB", "(44)2070313000"),
        ("(55) 1234 5678", "MX", "(52)5512345678"),
        ("0086 138 0013 8000", "SG", "(86)13800138000"),
        ("001 44 20 7031 3000", "SG", "(44)2070313000"),
        ("0086 138 0013 8000", "HK", "(86)13800138000"),
        ("0057 300 1234567", "CO", "(57)3001234567"),
        ("0077 1 234 5678", "US", None),
    ],
)
def test_of_two_readings_the_likely_one_is_taken(text: str, region: str, expected: str | None) -> None:
    """Brackets and ``00`` that could be read in two ways are read in the way that gives a number of a known shape."""
    assert ours(text, region) == expected


@pytest.mark.parametrize(("text", "region"), [("(220) 555-0100", "US"), ("0011 65 6521 8000", "AU")])
def test_two_likely_readings_are_refused_rather_than_guessed(text: str, region: str) -> None:
    """Where two people could be meant, nobody is texted."""
    with pytest.raises(BadPhone, match="two different numbers"):
        normalise(text, region)


@example(("AX", "35831000"))
@example(("AX", "35835897879"))
@settings(deadline=None, max_examples=400)
@given(dialled())
def test_digits_of_a_region_are_read_as_the_library_reads_them(case: tuple[str, str]) -> None:
    """The tables give what ``phonenumbers`` gives, except that a mobile number with its code beats a fixed line.

    A valid number of a region that shares the country code is no reason to refuse it, either; and a valid number with
    its code beats digits that are merely possible without.
    """
    region, digits = case
    assume(not digits.startswith("00"))
    assume(region != "MX")  # whose prefixes of before 2019 the library has forgotten
    reading, expected = ours(digits, region, "national"), library(digits, region)
    if reading != expected:
        assert reading == library("+" + digits, None)
        assert is_mobile(reading, region) or expected is None or (is_valid(reading) and not is_valid(expected))
        assert not is_mobile(expected, region)


@example(("BR", "8060000000"), "+{}{}")
@settings(deadline=None, max_examples=400)
@given(dialled(), st.sampled_from(["+{}{}", "00{}{}", "({}){}", "+({}) {}", "+{} (0){}"]))
def test_a_country_code_is_read_as_the_library_reads_it(case: tuple[str, str], form: str) -> None:
    """Every way to write the country code is the same as ``+`` is to ``phonenumbers``."""
    region, digits = case
    text = form.format(code_of(region), digits)
    plus = "+" + re.sub("[^0-9]", "", text.removeprefix("00"))
    assume(region != "MX")
    assert ours(text, None) == library(plus, None)


@settings(deadline=None)
@given(dialled(), st.sampled_from(REGIONS))
def test_a_plus_makes_the_default_region_irrelevant(case: tuple[str, str], default_region: str) -> None:
    """A phone with ``+`` is read the same whatever the default region is."""
    region, digits = case
    text = f"+{code_of(region)}{digits}"
    assert ours(text, default_region) == ours(text, None)


@settings(deadline=None)
@given(dialled(), st.data())
def test_separators_and_scripts_change_nothing(case: tuple[str, str], data: st.DataObject) -> None:
    """Spaces, dashes and digits of other scripts are only another way to write the same phone."""
    region, digits = case
    gaps = st.sampled_from(["", "", " ", "\t", "-", "\N{NO-BREAK SPACE}", "\N{EM DASH}", "\N{ZERO WIDTH SPACE}"])
    zeros = st.sampled_from(
        ["0", "\N{FULLWIDTH DIGIT ZERO}", "\N{ARABIC-INDIC DIGIT ZERO}", "\N{DEVANAGARI DIGIT ZERO}"]
    )
    text = "".join(chr(ord(data.draw(zeros)) + int(digit)) + data.draw(gaps) for digit in code_of(region) + digits)
    assert ours("+" + text, None) == ours(f"+{code_of(region)}{digits}", None)


def valid(text: str, region: str | None) -> str | None:
    """Read with ``phonenumbers`` alone; ``None`` for what is no valid number, old Brazilian ones as they are now."""
    reading = library(text, region)
    return reading if is_valid(reading) else None


ABROAD = ["85255311111", "8613800138000", "4915123456789", "16502530000", "447911123456", "5511987654321"]


@example(("GB", "551160000000"), None)  # of Brazil, where it has a ninth digit now
@settings(deadline=None, max_examples=400)
@given(dialled(), st.none() | st.sampled_from(ABROAD))
def test_bare_digits_are_open_where_only_the_international_reading_is_valid(
    case: tuple[str, str], abroad: str | None
) -> None:
    """Of each region: valid there is national, valid only with + is refused or as the argument says, else as before."""
    region, digits = case[0], abroad or case[1]
    assume(not digits.startswith("00") and region != "MX")
    national, international = ours(digits, region, "national"), valid("+" + digits, None)
    way, refused = ours(digits, region, "international"), ours(digits, region)
    of_the_region = national is not None and valid("+" + re.sub(r"\D", "", national), None)
    if of_the_region or international is None:
        assert way == refused == national
    elif international.startswith(f"({code_of(region)})"):
        assert way == refused == international
    else:
        assert way == international
        assert refused is None


@settings(deadline=None, max_examples=400)
@given(dialled(), st.none() | st.sampled_from(ABROAD))
def test_a_campaign_of_before_reads_bare_digits_as_it_did(case: tuple[str, str], abroad: str | None) -> None:
    """By the first rules the region is asked, and nothing else."""
    region, digits = case[0], abroad or case[1]
    assume(not digits.startswith("00") and region not in ("MX", "BR"))
    try:
        reading = PhoneReader(region, rules=FIRST_RULES).read(digits)
    except BadPhone:
        reading = None
    if reading != (expected := library(digits, region)):
        assert reading == library("+" + digits, None)
        assert is_mobile(reading, region)
        assert not is_mobile(expected, region)


@pytest.mark.parametrize(
    ("text", "region", "phone", "other"),
    [
        ("85255311111", "DE", "(852)55311111", "(49)85255311111"),
        ("8525531 1111", "DE", "(49)85255311111", "(852)55311111"),
        ("+85255311111", "DE", "(852)55311111", ""),
        ("0085255311111", "DE", "(852)55311111", ""),
        ("(852)55311111", "DE", "(852)55311111", ""),
        ("0151 23456789", "DE", "(49)15123456789", ""),
        ("85255311111", None, "(852)55311111", ""),
    ],
)
def test_what_else_digits_could_mean(text: str, region: str | None, phone: str, other: str) -> None:
    """Only digits without a sign of their country have a second reading, and only with a region."""
    assert PhoneReader(region, "international").other_reading(text, phone) == other


@pytest.mark.parametrize("region", REGIONS)
def test_the_mobile_number_of_every_region_is_read_in_every_form(region: str) -> None:
    """With ``+``, ``00`` or brackets, and without any of them, a region's own example is the same phone."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        pytest.skip("no mobile numbers there")
    code, number = code_of(region), phonenumbers.national_significant_number(example)
    forms = {f"+{code}{number}": None, f"00{code}{number}": None, f"({code}){number}": None, number: region}
    own = {f"+{code} {number}", f"({code}) {number}", f"{code}{number}", f"00{code}{number}"}
    readings = {text: ours(text, known) for text, known in [*forms.items(), *((text, region) for text in own)]}
    assert set(readings.values()) == {f"({code}){number}"}


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=80) | st.text("0123456789+() -.,x/E\N{NO-BREAK SPACE}", max_size=30),
    st.sampled_from([None, "HK", "US", "AR", "SG"]),
)
def test_any_text_is_a_phone_of_the_wanted_form_or_is_refused_without_being_quoted(
    text: str, region: str | None
) -> None:
    """Whatever a table holds, the reader answers with a sendable phone or a reason that shows nothing of it."""
    reading, refusal = ours(text, region), None
    if reading is None:
        with pytest.raises(BadPhone) as caught:
            normalise(text, region)
        refusal = caught.value
    assert WANTED.fullmatch(reading or "(1)10")
    assert refusal is None or not re.search(r"\d{4}", f"{refusal} {refusal.reason}")
    assert refusal is None or refusal.__context__ is None or refusal.__suppress_context__


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_no_default_region_may_be_written_as_nothing(blank: str | None) -> None:
    """A blank default region is none: the Trigger form cannot send anything else."""
    assert PhoneReader(blank).default_region is None


@pytest.mark.parametrize(
    ("text", "hint"), [("UK", "GB"), ("852", "HK"), ("+44", "GB"), ("HKG", "HK"), ("chn", "CN"), ("001", "US")]
)
def test_a_wrong_default_region_is_refused_with_the_one_that_was_meant(text: str, hint: str) -> None:
    """The error names the two letters that were probably meant."""
    with pytest.raises(ConfigurationError, match=rf"Did you mean .*\b{hint}\b"):
        PhoneReader(text)


def test_a_phone_given_as_the_default_region_is_not_repeated() -> None:
    """A long text in the wrong place may be somebody's phone, so the error leaves it out."""
    with pytest.raises(ConfigurationError) as caught:
        PhoneReader("+85255311111")
    assert "5531" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "region", "phones"),
    [
        ("+852 5531 1111", "HK", {"(852)55311111"}),
        ("5531 1111", "HK", {"(852)55311111"}),
        ("85255311111", None, {"(852)55311111"}),
        ("85255311111", "HK", {"(852)55311111"}),
        ("4915112345678", "DE", {"(49)15112345678"}),
        ("(220) 555-0100", "US", {"(1)2205550100", "(220)5550100"}),
        ("+55 11 8765-4321", None, {"(55)11987654321", "(55)1187654321"}),
        ("+55 11 98765-4321", None, {"(55)11987654321", "(55)1187654321"}),
        ("00852 5531 1111", "HK", {"(852)55311111"}),
    ],
)
def test_every_phone_that_a_text_can_mean(text: str, region: str | None, phones: set[str]) -> None:
    """Whatever ``bare_digits`` says, and by the first rules, too."""
    assert phones <= set(PhoneReader(region).readings(text))


@pytest.mark.parametrize("text", ["nobody", "", "12", "+999 12345678"])
def test_what_can_be_no_phone_has_no_reading(text: str) -> None:
    with pytest.raises(BadPhone):
        PhoneReader("HK").readings(text)


@pytest.mark.parametrize(
    ("text", "region"),
    [("5000 0002", None), ("50000002", None), ("55 5123-4567", None), ("5000 0002", "US"), ("555123-4567", "HK")],
)
def test_digits_of_some_other_country_are_not_read_as_a_number_that_no_country_has(
    text: str, region: str | None
) -> None:
    """``(500)00002`` has a length of the Falkland Islands, and is no number there."""
    with pytest.raises(BadPhone) as caught:
        PhoneReader(region).readings(text)
    assert "500" not in caught.value.reason


def test_all_digits_are_international_where_the_table_says_so() -> None:
    """As its own phones are read, and where brackets say so."""
    assert PhoneReader(None, "international").readings("5000 0002") == ("(500)00002",)
    assert PhoneReader(None).readings("(500) 00002") == PhoneReader(None).readings("+500 00002") == ("(500)00002",)


@given(st.from_regex(r"\(?\+?[0-9]{3}\)?[0-9]{1,12}", fullmatch=True))
def test_whatever_is_read_without_a_region_is_one_of_the_readings(text: str) -> None:
    for way in (None, "international"):
        reader = PhoneReader(None, way)
        with contextlib.suppress(BadPhone):
            assert reader.read(text) in reader.readings(text)


@given(st.sampled_from(REGIONS), st.from_regex(r"\+?[0-9]{4,15}", fullmatch=True), st.sampled_from([1, 2]))
def test_whatever_is_read_is_one_of_the_readings(region: str, text: str, rules: int) -> None:
    """A list of phones that may not be texted then has it, however the table's own phones are read."""
    readings: set[str] = set()
    with contextlib.suppress(BadPhone):
        readings = set(PhoneReader(region).readings(text))
    for way in (None, "national", "international"):
        with contextlib.suppress(BadPhone):
            assert PhoneReader(region, way, rules=rules).read(text) in readings
