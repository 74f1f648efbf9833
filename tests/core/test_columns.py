# SPDX-License-Identifier: Apache-2.0
"""A batch that is read column by column gives what its rows give one by one, and only odd rows are read alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipients import BadRow, Recipient
from airflow_provider_uspeedo.core.rows import Batch, Columns, RowReader, in_order
from airflow_provider_uspeedo.tables import TextBatch, Unreadable

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


class WatchedReader(RowReader):
    """Counts the rows that are read alone."""

    read_alone = 0

    def read_one(self, batch: Batch, index: int) -> Recipient | BadRow:
        self.read_alone += 1
        return super().read_one(batch, index)


def reader(columns: Columns, region: str | None = None, variables: dict[str, int] | None = None) -> WatchedReader:
    made = WatchedReader(
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


@settings(deadline=None, max_examples=500)
@given(
    columns(),
    tables(),
    st.sampled_from([None, "HK", "US", "GB"]),
    st.dictionaries(st.sampled_from(["A", "B", "T"]), st.integers(0, 3)),
)
def test_columns_give_what_rows_give(
    columns: Columns, table: dict[str, Sequence[Any]], region: str | None, variables: dict[str, int]
) -> None:
    """Every recipient, every bad row and every reason is the same, in every kind of table."""
    batch = batch_of(table)
    alone = [reader(columns, region, variables).read_one(batch, index) for index in range(batch.length)]
    good, bad = reader(columns, region, variables).read(batch)
    assert list(good) == [row for row in alone if isinstance(row, Recipient)]
    assert bad == [row for row in alone if isinstance(row, BadRow)]


ALL = Columns("phone", ("a", "b"), template_id="t", sender_id="s", user_id="u", extend_code="x", keys=("k",))
CLEAN: dict[str, list[Any]] = {
    "phone": ["+85255311111", "+8613800138000", "+44 7911 123456"] * 10,
    "a": ["Ann", "", "\N{CJK UNIFIED IDEOGRAPH-738B}"] * 10,
    "b": ["1.50", "it's", "\N{GRINNING FACE}"] * 10,
    "t": ["A", " A ", "B"] * 10,
    "s": ["Shop", None, ""] * 10,
    "u": ["u-1", None, "\N{CJK UNIFIED IDEOGRAPH-738B} \N{LATIN SMALL LETTER SHARP S}"] * 10,
    "x": ["007", "", None] * 10,
    "k": ["1", "\ud83d", ""] * 10,
    "l": [["a", "b"], ["", "c"], ["d", "e"]] * 10,
}
ODD_CELLS = [
    ("phone", None),
    ("phone", "+852 553"),
    ("phone", "1\n2"),
    ("a", None),
    ("a", "\0"),
    ("t", None),
    ("t", ""),
    ("s", "x" * 12),
    ("u", "it's"),
    ("u", "\N{GRINNING FACE}"),
    ("u", "x" * 33),
    ("x", "1a"),
    ("k", None),
]


@pytest.mark.parametrize("columns", [ALL, Columns("phone"), Columns("phone", params_list="l", template_id="t")])
def test_no_row_of_a_clean_table_is_read_alone(columns: Columns) -> None:
    """A table of a million rows takes long otherwise."""
    watched = reader(columns, variables={"A": len(columns.params) or 2})
    assert watched.read(batch_of(CLEAN))[1] == []
    assert watched.read_alone == 0


@pytest.mark.parametrize(("name", "cell"), ODD_CELLS)
def test_one_odd_cell_sends_no_other_row_the_slow_way(name: str, cell: Any) -> None:
    """Most tables have a few bad rows in every batch."""
    table = {**CLEAN, name: [*CLEAN[name][:7], cell, *CLEAN[name][8:]]}
    watched = reader(ALL, variables={"A": 2})
    rows = in_order(*watched.read(batch_of(table)))
    assert [index for index, row in enumerate(rows) if isinstance(row, BadRow)] == [7]
    assert watched.read_alone == 1


def test_one_list_that_cannot_be_sent_sends_no_other_row_the_slow_way() -> None:
    """A null among the parameters is the fault of one row."""
    columns = Columns("phone", params_list="l", template_id="t")
    watched = reader(columns, variables={"A": 2, "B": 2})
    watched.read(batch_of({**CLEAN, "l": [*CLEAN["l"][:-3], None, ["a", None], Unreadable("odd")]}))
    assert watched.read_alone == 3


def test_rows_with_a_wrong_number_of_parameters_are_the_only_ones_read_alone() -> None:
    """Only the template that they belong to is concerned."""
    watched = reader(ALL, variables={"A": 2, "B": 3})
    rows = in_order(*watched.read(batch_of(CLEAN)))
    assert [isinstance(row, BadRow) for row in rows] == [False, False, True] * 10
    assert watched.read_alone == 10
