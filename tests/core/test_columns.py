# SPDX-License-Identifier: Apache-2.0
"""A batch that is read column by column gives what the rules say of its rows one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core import row_rules
from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import BadPhone, PhoneReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.rows import Columns, RowReader, in_order
from airflow_provider_uspeedo.tables import TextBatch, Unreadable, open_table

ANY = st.characters(exclude_categories=())
GOOD_TEXTS = st.text(max_size=5)
ODD = st.sampled_from(
    [None, "", "\0", "\ud83d", "it's", "\N{GRINNING FACE}", "\n", "1\n2", Unreadable("odd"), "x" * 200]
)
TEXTS = st.one_of(GOOD_TEXTS, GOOD_TEXTS, st.text(ANY, max_size=40), ODD)
PHONES = st.one_of(
    st.from_regex(r"\+852[5-9][0-9]{7}", fullmatch=True),
    st.from_regex(r"(\+44 |0)7[0-9]{9}", fullmatch=True),
    st.sampled_from(["(650) 253-0000", "0085255311111", "+852 553", "55311111"]),
    TEXTS,
)
TEMPLATES = st.sampled_from(["A", "B", "A", " A ", "C"]) | TEXTS
SENDERS = st.sampled_from(["Shop", "", "Bank", None]) | TEXTS
CODES = st.sampled_from(["1", "007", "", None, "\N{ARABIC-INDIC DIGIT ONE}", "-1"]) | TEXTS
LISTS = st.lists(GOOD_TEXTS, max_size=3) | st.lists(TEXTS, max_size=3) | st.none() | st.just(Unreadable("odd"))


def reader(columns: Columns, region: str | None = None, variables: dict[str, int] | None = None) -> RowReader:
    made = RowReader(
        columns,
        template_id="" if columns.template_id else "T",
        sender_id="" if columns.sender_id else "Shop",
        phones=PhoneReader(region),
        keys=KeyMaker(KeySpec(columns.keys, ("text",) * len(columns.keys or ()), None)),
    )
    made.variables = variables or {}
    return made


def batch_of(table: dict[str, Sequence[Any]]) -> TextBatch:
    return TextBatch(5, len(table["phone"]), table, table, table)


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """Draw which columns a table has."""

    def sometimes(name: str) -> str | None:
        return draw(st.sampled_from([None, name]))

    params: dict[str, Any] = draw(
        st.sampled_from(
            [{}, {"params": ("a",)}, {"params": ("a", "b")}, {"params": ("a", "a")}, {"params_list": "list"}]
        )
    )
    return Columns(
        "phone",
        **params,
        template_id=sometimes("template"),
        sender_id=sometimes("sender"),
        user_id=sometimes("user"),
        extend_code=sometimes("code"),
        keys=draw(st.sampled_from([None, ("k",), ("k", "phone"), ("a", "k", "user")])),
    )


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Sequence[Any]]:
    """Draw a table in which each column is clean or not."""
    length = draw(st.integers(1, 12))

    def column(cells: st.SearchStrategy[Any], clean: Any) -> list[Any]:
        drawn = draw(st.lists(cells, min_size=length, max_size=length))
        return drawn if draw(st.booleans()) else [clean] * length

    return {
        "phone": column(PHONES, "+85255311111"),
        "a": column(TEXTS, "Ann"),
        "b": column(TEXTS, "\N{CJK UNIFIED IDEOGRAPH-738B}"),
        "template": column(TEMPLATES, "A"),
        "sender": column(SENDERS, "Shop"),
        "user": column(TEXTS, "u-1"),
        "code": column(CODES, "7"),
        "list": column(LISTS, ["x", "y"]),
        "k": column(TEXTS, "key"),
    }


def one_by_one(read: RowReader, columns: Columns, batch: TextBatch) -> list[Recipient | BadRow]:
    """Every row as the rules say, value after value: slow and obvious."""
    return [one_row(read, columns, batch, index) for index in range(batch.length)]


def one_row(read: RowReader, columns: Columns, batch: TextBatch, index: int) -> Recipient | BadRow:
    def cell(name: str | None, constant: str = "") -> Any:
        return constant if name is None else batch.columns[name][index]

    template, sender = cell(columns.template_id, "T"), cell(columns.sender_id, "Shop")
    user_id, code = cell(columns.user_id), cell(columns.extend_code)
    values = [(f"key column {name!r}", batch.keys[name][index]) for name in columns.keys or ()]
    reasons = [row_rules.missing(name, value) for name, value in values if type(value) is not str]
    key = None if reasons or not columns.keys else read._keys.of_values([value for _, value in values])
    phone, fault = one_phone(read, columns, cell(columns.phone))
    if phone and not columns.keys:
        key = read._keys.of_phone(phone)
    params, wrong = one_rows_params(columns, batch, index)
    reasons += [fault, wrong, row_rules.wrong_template(f"template (column {columns.template_id!r})", template)]
    if not any(reasons) and read.variables.get(template.strip(), len(params)) != len(params):
        reasons.append(row_rules.wrong_count(template.strip(), read.variables[template.strip()], len(params)))
    reasons += [
        row_rules.wrong_user_id(f"user id (column {columns.user_id!r})", user_id),
        row_rules.wrong_extend_code(f"extend code (column {columns.extend_code!r})", code),
        row_rules.wrong_sender(f"sender (column {columns.sender_id!r})", sender),
    ]
    number = batch.first_row + index
    if reason := next(filter(None, reasons), None):
        shown = [phone or row_rules.shown(cell(columns.phone)), *map(row_rules.shown, (user_id, template, sender))]
        return BadRow(number, "invalid", reason, *shown, key)
    return Recipient(number, key or b"", phone, params, user_id or "", code or "", template.strip(), sender or "")


def one_phone(read: RowReader, columns: Columns, text: Any) -> tuple[str, str | None]:
    name = f"phone (column {columns.phone!r})"
    try:
        return (read._phones.read(text), None) if type(text) is str else ("", row_rules.missing(name, text))
    except BadPhone as bad:
        return "", f"{name}: {bad}"


def one_rows_params(columns: Columns, batch: TextBatch, index: int) -> tuple[tuple[str, ...], str | None]:
    if columns.params_list:
        params = batch.lists[columns.params_list][index]
        fault = row_rules.wrong_parameters(columns.params_list, params)
        return () if fault else tuple(params), fault
    params = tuple(batch.columns[name][index] for name in columns.params)
    named = [f"parameter {{{n}}} (column {name!r})" for n, name in enumerate(columns.params, 1)]
    return params, next(filter(None, map(row_rules.wrong_parameter, named, params)), None)


@settings(deadline=None, max_examples=500)
@given(
    columns(),
    tables(),
    st.sampled_from([None, "HK", "US", "GB"]),
    st.dictionaries(st.sampled_from(["A", "B", "T"]), st.integers(0, 3)),
)
def test_columns_give_what_the_rules_say_of_each_row(
    columns: Columns, table: dict[str, Sequence[Any]], region: str | None, variables: dict[str, int]
) -> None:
    """Every recipient, every bad row and every reason is the same, in every kind of table."""
    batch, read = batch_of(table), reader(columns, region, variables)
    alone = one_by_one(read, columns, batch)
    good, bad = read.read(batch)
    assert list(good) == [row for row in alone if isinstance(row, Recipient)]
    assert bad == [row for row in alone if isinstance(row, BadRow)]


CLEAN = pa.table(
    {
        "phone": ["+85255311111", "+8613800138000", "+44 7911 123456"] * 10,
        "a": ["Ann", "", "\N{CJK UNIFIED IDEOGRAPH-738B}"] * 10,
        "t": ["A", " A ", "B"] * 10,
    }
)


@pytest.mark.parametrize(("name", "cell"), [("phone", None), ("phone", "x"), ("a", None), ("a", "\0"), ("t", "")])
def test_a_column_that_arrow_has_reads_as_its_texts_do(name: str, cell: str | None) -> None:
    """Clean columns are taken as Arrow has them, and one bad cell in them makes one row invalid."""
    columns = Columns("phone", ("a",), template_id="t")
    cells = [*CLEAN[name].to_pylist()[:7], cell, *CLEAN[name].to_pylist()[8:]]
    for table in (CLEAN, CLEAN.set_column(CLEAN.schema.get_field_index(name), name, pa.array(cells))):
        (batch,) = open_table(table).batches(columns.texts())
        (plain,) = open_table(table.to_pylist()).batches(columns.texts())
        rows = in_order(*reader(columns).read(batch))
        assert rows == in_order(*reader(columns).read(plain))
        assert [number for number, row in enumerate(rows) if isinstance(row, BadRow)] == [7] * (table is not CLEAN)
