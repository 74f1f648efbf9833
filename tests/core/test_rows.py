# SPDX-License-Identifier: Apache-2.0
"""Rows become recipients, or bad rows that name the column and never the value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.rows import Columns, RowReader, in_order
from airflow_provider_uspeedo.tables import TextBatch, Unreadable

PHONE = "+85255311111"
SEEN = "canary"
"""Stands in every bad value of this file; no reason may quote it."""
HALF = "\ud83d" + SEEN
"""Half of an emoji, as a table of Python objects can hold it."""


def reader(columns: Columns, *, region: str | None = None, **settings: Any) -> RowReader:
    kinds = ("text",) * len(columns.keys or ())
    keys = KeyMaker(KeySpec(columns.keys, kinds, None if columns.keys else region))
    variables = settings.pop("variables", {})
    settings = {"template_id": "" if columns.template_id else "T", "sender_id": "", **settings}
    made = RowReader(columns, phones=PhoneReader(region), keys=keys, **settings)
    made.variables = variables
    return made


def read(columns: Columns, table: Mapping[str, Sequence[Any]], **settings: Any) -> list[Recipient | BadRow]:
    """Reads a table given as columns, in one batch that begins at row 5."""
    length = len(next(iter(table.values())))
    batch = TextBatch(5, length, table, table, table)
    return in_order(*reader(columns, **settings).read(batch))


def read_one(columns: Columns, value: Mapping[str, Any], **settings: Any) -> Recipient | BadRow:
    (row,) = read(columns, {name: [cell] for name, cell in {"phone": PHONE, **value}.items()}, **settings)
    return row


def test_a_good_row_becomes_a_recipient_with_everything_that_its_columns_say() -> None:
    """All columns arrive where they belong, the phone in the API's form, under the row's number."""
    columns = Columns("phone", ("a", "b"), template_id="t", sender_id="s", user_id="u", extend_code="x")
    row = read_one(columns, {"a": "Ann", "b": "", "t": " UTA ", "s": "Shop", "u": "Kunde-7ü", "x": "007"})
    assert row == Recipient(
        5, KeyMaker(KeySpec(None, (), None)).of_phone("(852)55311111"), "(852)55311111", ("Ann", ""), "Kunde-7ü", "007",
        "UTA", "Shop",
    )  # fmt: skip


def test_what_has_no_column_is_the_same_in_every_row() -> None:
    """Template and sender of the whole campaign stand in for columns; marks and extend codes are left empty."""
    first, second = read(Columns("phone"), {"phone": [PHONE, "+85255311112"]}, template_id="UTA", sender_id="Shop")
    assert (first.row_number, second.row_number) == (5, 6)
    assert isinstance(first, Recipient)
    assert first[3:8] == ((), "", "", "UTA", "Shop")


BAD: list[tuple[Columns, dict[str, Any], str]] = [
    (Columns("phone"), {"phone": None}, "phone (column 'phone') is empty (null or NaN)"),
    (Columns("phone"), {"phone": ""}, "phone (column 'phone'): empty"),
    (Columns("phone"), {"phone": SEEN}, "phone (column 'phone'): has letters; write digits only"),
    (Columns("phone"), {"phone": HALF}, "phone (column 'phone'): has letters; write digits only"),
    (Columns("phone"), {"phone": Unreadable("not UTF-8 text")}, "phone (column 'phone'): not UTF-8 text"),
    (Columns("phone", ("name",)), {"name": None}, "parameter {1} (column 'name') is empty (null or NaN)"),
    (Columns("phone", ("name",)), {"name": Unreadable("an infinite number")}, "parameter {1} (column 'name'): an"),
    (Columns("phone", ("name",)), {"name": HALF}, "parameter {1} (column 'name') has half a character"),
    (Columns("phone", ("name",)), {"name": f"{SEEN}\0"}, "parameter {1} (column 'name') has a NUL character"),
    (Columns("phone", ("a", "name")), {"a": "", "name": None}, "parameter {2} (column 'name') is empty"),
    (Columns("phone", params_list="p"), {"p": None}, "parameters (column 'p') is empty (null or NaN)"),
    (Columns("phone", params_list="p"), {"p": Unreadable("a value of type set")}, "parameters (column 'p'): a value"),
    (Columns("phone", params_list="p"), {"p": [SEEN, None]}, "parameter {2} (column 'p') is empty (null or NaN)"),
    (Columns("phone", params_list="p"), {"p": [SEEN, HALF]}, "parameter {2} (column 'p') has half a character"),
    (Columns("phone", user_id="u"), {"u": SEEN * 6}, "user id (column 'u') has 36 characters; at most 32 are allowed"),
    (Columns("phone", user_id="u"), {"u": f"{SEEN}'s"}, "user id (column 'u') has a quote, an emoji or a control"),
    (Columns("phone", user_id="u"), {"u": f'{SEEN}"'}, "user id (column 'u') has a quote"),
    (Columns("phone", user_id="u"), {"u": f"{SEEN}\N{GRINNING FACE}"}, "user id (column 'u') has a quote, an emoji"),
    (Columns("phone", user_id="u"), {"u": f"{SEEN}\N{BLACK HEART SUIT}"}, "user id (column 'u') has a quote, an emoji"),
    (Columns("phone", user_id="u"), {"u": f"{SEEN}\n"}, "user id (column 'u') has a quote, an emoji or a control"),
    (Columns("phone", user_id="u"), {"u": HALF}, "user id (column 'u') has half a character"),
    (Columns("phone", user_id="u"), {"u": Unreadable("not UTF-8 text")}, "user id (column 'u'): not UTF-8 text"),
    (Columns("phone", extend_code="x"), {"x": SEEN}, "extend code (column 'x') is not made of digits"),
    (Columns("phone", extend_code="x"), {"x": "\N{ARABIC-INDIC DIGIT ONE}"}, "extend code (column 'x') is not made of"),
    (Columns("phone", extend_code="x"), {"x": Unreadable("not UTF-8 text")}, "extend code (column 'x'): not UTF-8"),
    (Columns("phone", template_id="t"), {"t": None}, "template (column 't') is empty"),
    (Columns("phone", template_id="t"), {"t": ""}, "template (column 't') is empty"),
    (Columns("phone", template_id="t"), {"t": "  "}, "template (column 't') is empty"),
    (Columns("phone", template_id="t"), {"t": HALF}, "template (column 't') has a character that"),
    (Columns("phone", template_id="t"), {"t": f"{SEEN}\0"}, "template (column 't') has a character that"),
    (Columns("phone", template_id="t"), {"t": SEEN * 22}, "template (column 't') has 132 characters; no template id"),
    (Columns("phone", template_id="t"), {"t": Unreadable("not UTF-8 text")}, "template (column 't'): not UTF-8 text"),
    (Columns("phone", sender_id="s"), {"s": SEEN * 2}, "sender (column 's') has 12 characters; at most 11 are allowed"),
    (Columns("phone", sender_id="s"), {"s": HALF}, "sender (column 's') has a character that"),
    (Columns("phone", sender_id="s"), {"s": f"{SEEN}\0"}, "sender (column 's') has a character that"),
    (Columns("phone", sender_id="s"), {"s": Unreadable("not UTF-8 text")}, "sender (column 's'): not UTF-8 text"),
    (Columns("phone", keys=("k",)), {"k": None}, "key column 'k' is empty (null or NaN)"),
    (Columns("phone", keys=("k",)), {"k": Unreadable("a value of type set")}, "key column 'k': a value of type set"),
]


@pytest.mark.parametrize(("columns", "value", "reason"), BAD, ids=[reason for *_, reason in BAD])
def test_a_bad_row_is_invalid_for_a_reason_that_names_the_column_and_not_the_value(
    columns: Columns, value: dict[str, Any], reason: str
) -> None:
    """Each way in which a row can be wrong is told by column; neither reason nor repr quotes what stands there."""
    row = read_one(columns, value)
    assert isinstance(row, BadRow)
    assert row.status == "invalid"
    assert row.reason.startswith(reason)
    assert SEEN not in row.reason
    assert SEEN not in repr(row)
    assert "5531" not in repr(row)


@pytest.mark.parametrize(("columns", "value", "reason"), BAD, ids=[reason for *_, reason in BAD])
def test_a_bad_row_can_be_stored_in_any_database(columns: Columns, value: dict[str, Any], reason: str) -> None:
    """Its texts are short, without NUL, and encodable: one odd row must not stop the others."""
    row = read_one(columns, value)
    assert isinstance(row, BadRow)
    for text in (row.reason, row.phone, row.user_id, row.template_id, row.sender_id):
        assert "\0" not in text
        assert len(text.encode()) < 300
    assert all(len(text) <= 64 for text in (row.phone, row.user_id, row.template_id, row.sender_id))


def test_one_bad_row_does_not_spoil_its_neighbours() -> None:
    """The rows around it are read as if it were not there, and keep their numbers."""
    rows = read(Columns("phone", ("name",)), {"phone": [PHONE, "x", "+85255311112"], "name": ["Ann", HALF, "Cem"]})
    assert [(type(row), row.row_number) for row in rows] == [(Recipient, 5), (BadRow, 6), (Recipient, 7)]


def test_a_sender_that_is_null_or_empty_means_no_sender() -> None:
    """The API is then told an empty one, not none."""
    rows = read(Columns("phone", sender_id="s"), {"phone": [PHONE, PHONE, PHONE], "s": [None, "", "Shop"]})
    assert [row.sender_id for row in rows] == ["", "", "Shop"]
    assert all(isinstance(row, Recipient) for row in rows)


def test_a_mark_or_extend_code_that_is_null_or_empty_is_left_out() -> None:
    """Not everybody in a table has one."""
    columns = Columns("phone", user_id="u", extend_code="x")
    rows = read(columns, {"phone": [PHONE, PHONE], "u": [None, ""], "x": ["", None]})
    assert [(row.user_id, isinstance(row, Recipient) and row.extend_code) for row in rows] == [("", ""), ("", "")]


def test_a_mark_may_be_written_in_any_language() -> None:
    """Only quotes, emoji and control characters are refused, and the limit counts characters, not bytes."""
    row = read_one(Columns("phone", user_id="u"), {"u": "客户-ß 7ñ" * 4})
    assert isinstance(row, Recipient)


@pytest.mark.parametrize("params", [[], ["a"], ["a", "b", "c"]])
def test_a_list_of_the_wrong_length_for_a_known_template_is_invalid(params: list[str]) -> None:
    """Where the API told how many variables a template has, a row with another number of parameters is not sent."""
    row = read_one(Columns("phone", params_list="p"), {"p": params}, template_id="UTA", variables={"UTA": 2})
    assert isinstance(row, BadRow)
    given = f"{len(params)} parameter{'' if len(params) == 1 else 's'}"
    assert row.reason == f"template UTA has 2 variables, the row has {given}"


def test_only_the_templates_that_are_known_are_counted() -> None:
    """A template of which the API told nothing takes any number of parameters; spaces around an id do not hide it."""
    table = {"phone": [PHONE] * 3, "t": ["UTA", " UTA ", "OTHER"], "name": ["Ann"] * 3}
    rows = read(Columns("phone", ("name",), template_id="t"), table, variables={"UTA": 2})
    assert [type(row) for row in rows] == [BadRow, BadRow, Recipient]


def test_an_empty_parameter_is_sent_as_it_is() -> None:
    """Empty text is a text; only null is missing."""
    row = read_one(Columns("phone", params_list="p"), {"p": ["", " "]})
    assert isinstance(row, Recipient)
    assert row.params == ("", " ")


def test_a_bad_row_keeps_its_key() -> None:
    """An earlier attempt may have texted it, and the ledger must be able to find that."""
    by_phone = Columns("phone", ("name",))
    bad, good = read_one(by_phone, {"name": None}), read_one(by_phone, {"name": "Ann"})
    assert isinstance(bad, BadRow)
    assert bad.key == good.key
    by_column = Columns("phone", keys=("k",))
    bad, good = read_one(by_column, {"phone": "nobody", "k": "7"}), read_one(by_column, {"k": "7"})
    assert isinstance(bad, BadRow)
    assert bad.key == good.key


def test_a_row_whose_key_cannot_be_made_has_none() -> None:
    """Without a phone, or with a null in a key column, nobody can say who it is."""
    phone, column = read_one(Columns("phone"), {"phone": "x"}), read_one(Columns("phone", keys=("k",)), {"k": None})
    assert (phone.key, column.key) == (None, None)


def test_key_columns_distinguish_recipients_with_any_phones() -> None:
    """One phone under two keys is two recipients; one key under two phones is one."""
    columns = Columns("phone", keys=("customer", "month"))
    table = {"phone": [PHONE, PHONE, "+85255311112"], "customer": ["1", "2", "1"], "month": ["5", "5", "5"]}
    first, second, third = read(columns, table)
    assert first.key != second.key
    assert first.key == third.key


def test_a_key_with_half_a_character_is_still_a_key() -> None:
    """What cannot be sent may still tell two people apart."""
    rows = read(Columns("phone", keys=("k",)), {"phone": [PHONE, PHONE], "k": ["\ud83d", "\ud83e"]})
    assert rows[0].key != rows[1].key


def test_phones_without_a_country_code_are_read_by_the_default_region() -> None:
    """The same digits are a recipient with a region and a bad row without one."""
    row = read_one(Columns("phone"), {"phone": "5531 1111"}, region="HK")
    assert isinstance(row, Recipient)
    assert row.phone == "(852)55311111"
    assert isinstance(read_one(Columns("phone"), {"phone": "5531 1111"}), BadRow)


cells = st.one_of(st.text(st.characters(exclude_categories=()), max_size=5), st.none(), st.just(Unreadable("odd")))
phones = st.one_of(st.just(PHONE), st.from_regex(r"\+8525[0-9]{7}", fullmatch=True), cells)
templates = st.sampled_from(["A", " A ", "B", "", None])
tables = st.lists(st.tuples(phones, cells, cells, cells, cells, templates), min_size=1)


@settings(deadline=None)
@given(tables)
def test_a_row_reads_the_same_beside_any_other_rows(rows: list[tuple[Any, ...]]) -> None:
    """A clean batch is read the quick way, a row alone or among dirty ones the slow way: the outcome is one."""
    names = ("phone", "a", "b", "u", "s", "t")
    columns = Columns("phone", ("a", "b"), template_id="t", sender_id="s", user_id="u")
    together = TextBatch(1, len(rows), dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), {}, {})
    alone = [
        TextBatch(number, 1, {name: [cell] for name, cell in zip(names, row, strict=True)}, {}, {})
        for number, row in enumerate(rows, 1)
    ]
    one_reader = reader(columns, variables={"A": 2, "B": 3})
    fresh = [reader(columns, variables={"A": 2, "B": 3}) for _ in alone]
    assert in_order(*one_reader.read(together)) == [
        row for reading, batch in zip(fresh, alone, strict=True) for row in in_order(*reading.read(batch))
    ]
