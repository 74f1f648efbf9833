# SPDX-License-Identifier: Apache-2.0
"""The same rows, handed over as each kind of source, are the same text."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables import Unreadable, open_table
from tests.tables.reading import SOURCES, as_duckdb, read, read_lists

HONG_KONG = dt.timezone(dt.timedelta(hours=8))
MOMENT = dt.datetime(2026, 11, 22, 14, 30)  # noqa: DTZ001

ROWS = pa.table(
    {
        "phone": pa.array([85255311111, 85255311112], pa.int64()),
        "text": ["Ann", None],
        "large": pa.array(["Ann", None], pa.large_string()),
        "float": pa.array([85255311111.0, None]),
        "fraction": [0.1, 1e-07],
        "decimal": pa.array([Decimal("12.50"), None], pa.decimal128(10, 2)),
        "yes": [True, None],
        "date": [MOMENT.date(), None],
        "when": pa.array([MOMENT, None], pa.timestamp("us")),
        "zoned": pa.array([MOMENT.replace(tzinfo=HONG_KONG), None], pa.timestamp("us", "Asia/Hong_Kong")),
        "time": pa.array([dt.time(14, 30), None], pa.time64("us")),
        "category": pa.array(["a", None]).dictionary_encode(),
        "nothing": pa.nulls(2, pa.string()),
        "list": pa.array([["a", None], None], pa.list_(pa.string())),
        "numbers": [[1, 2], []],
        "json": ['["a", 12.50, 42.0, true, null]', None],
    }
)
EXPECTED = {
    "phone": ["85255311111", "85255311112"],
    "text": ["Ann", None],
    "large": ["Ann", None],
    "float": ["85255311111", None],
    "fraction": ["0.1", "0.0000001"],
    "decimal": ["12.50", None],
    "yes": ["true", None],
    "date": ["2026-11-22", None],
    "when": ["2026-11-22 14:30:00", None],
    "zoned": ["2026-11-22 14:30:00+08:00", None],
    "time": ["14:30:00", None],
    "category": ["a", None],
    "nothing": [None, None],
}
EXPECTED_LISTS = {
    "list": [["a", None], None],
    "numbers": [["1", "2"], []],
    "json": [["a", "12.50", "42", "true", None], None],
}
KINDS = {
    "phone": "text",
    "float": "text",
    "decimal": "text",
    "nothing": "text",
    "category": "text",
    "date": "date",
    "when": "timestamp",
    "zoned": "timestamp with zone",
    "time": "time",
    "yes": "boolean",
}

each_source = pytest.mark.parametrize("source", SOURCES)


def _columns(source) -> dict[str, list]:
    """Duckdb reads a timestamp with a zone in its session's zone, so that column is compared elsewhere."""
    return {name: cells for name, cells in EXPECTED.items() if source is not as_duckdb or name != "zoned"}


@each_source
def test_the_same_rows_are_the_same_text_from_every_source(source, tmp_path):
    """A DAG author may change how the table is handed over; the messages stay the same."""
    expected = _columns(source)
    (batch,) = open_table(source(ROWS, tmp_path)).batches(list(expected), list_columns=list(EXPECTED_LISTS))
    assert batch.first_row == 1
    assert batch.length == 2
    assert dict(batch.columns) == expected
    assert dict(batch.lists) == EXPECTED_LISTS


@each_source
def test_the_kind_of_a_key_column_is_the_same_from_every_source(source, tmp_path):
    """What the recipient key depends on does not change with the source."""
    assert open_table(source(ROWS, tmp_path)).kinds(list(KINDS)) == KINDS


@each_source
def test_a_table_can_be_read_again(source, tmp_path):
    """A campaign may read its table twice."""
    table = open_table(source(ROWS, tmp_path))
    assert [next(iter(table.batches(["phone"]))).columns for _ in range(3)] == [{"phone": EXPECTED["phone"]}] * 3


@each_source
def test_a_missing_column_is_named_with_what_is_there_and_what_may_be_meant(source, tmp_path):
    """The error tells the column, a close one, and the columns of the table; at the call, before any row."""
    with pytest.raises(TableError, match=r"no column 'phones'; did you mean 'phone'.*'category'") as caught:
        open_table(source(ROWS, tmp_path)).batches(["phones"])
    assert caught.value.column == "phones"


@pytest.mark.parametrize("asked", ["PHONE", '"phone"', " phone ", "\ufeffphone", "\uff30hone", "phones", "'Phone'"])
@pytest.mark.parametrize("there", ["phone", "PHONE ", "\ufeffphone", '"phone"'])
def test_a_name_that_looks_the_same_is_what_was_meant(asked, there):
    """Case, spaces, quotes and a byte order mark are not seen, and are not guessed either."""
    if asked == there:
        return
    with pytest.raises(TableError, match="no column") as caught:
        open_table(pa.table({"name": ["Ann"], there: ["a"]})).batches([asked])
    assert f"did you mean {there!r}? It has: 'name', {there!r}." in str(caught.value)


def test_without_a_similar_name_the_sentence_ends_with_a_full_stop():
    """Not with ``?.``."""
    with pytest.raises(TableError, match=r"has no column 'amount'\. It has: 'x'\.$"):
        open_table(pa.table({"x": ["a"]})).batches(["amount"])


def test_a_table_without_a_header_does_not_show_its_first_row():
    """A reader that takes the first row for names makes a phone a name."""
    with pytest.raises(TableError, match="no column 'phone'") as caught:
        open_table(pd.DataFrame([["+85255311112", "Ben"]], columns=["+85255311111", "Ann"])).batches(["phone"])
    assert "85255311" not in str(caught.value)


@each_source
def test_an_empty_table_gives_no_batch(source, tmp_path):
    """Zero rows are a table too."""
    if source.__name__ == "as_record_batch":
        empty = ROWS.schema.empty_table().to_batches()
        recipients = pa.RecordBatch.from_pylist([], ROWS.schema) if not empty else empty[0]
    else:
        recipients = source(ROWS.slice(0, 0), tmp_path)
    table = open_table(recipients)
    assert list(table.batches(["phone"], list_columns=["list"], key_columns=["date"])) == []
    assert table.distinct("text") == set()


@each_source
def test_the_description_says_what_it_is_and_shows_no_value(source, tmp_path):
    """What is logged of a table is its size and its type."""
    description = open_table(source(ROWS, tmp_path)).description
    assert description.startswith("<")
    assert "8525" not in description
    assert "Ann" not in description


@pytest.mark.parametrize("empty", [[], (), pd.DataFrame(), pl.DataFrame(), pa.table({})], ids=lambda it: str(type(it)))
def test_no_rows_and_no_columns_lack_nothing(empty):
    """An upstream task that found nobody returns an empty list: a success with zero rows."""
    table = open_table(empty)
    assert table.rows_at_most() == 0
    assert table.column_names == ()
    assert table.kinds(["phone"]) == {"phone": "text"}
    assert list(table.batches(["phone"], list_columns=["params"], key_columns=["id"])) == []


def test_rows_are_counted_from_metadata():
    """The number of rows is known before reading, but not that of a query."""
    counts = [open_table(source).rows_at_most() for source in (ROWS, ROWS.to_pandas(), ROWS.to_pylist())]
    assert counts == [2, 2, 2]
    assert open_table(duckdb.sql("SELECT 1 AS x")).rows_at_most() is None


def test_a_float32_phone_column_is_distinguished_from_a_float64_one():
    """A float32 holds seven digits: read as a phone, it would be another person's."""
    table = open_table(pa.table({"x": pa.array([1], pa.float32()), "y": [1.0]}))
    assert (table.arrow_type_name("x"), table.arrow_type_name("y")) == ("float", "double")
    assert (table.loses_digits("x"), table.loses_digits("y")) == (True, False)
    half = pd.Series([np.float16(1)], dtype=object)
    frame = pd.DataFrame({"x": np.array([1], np.float32), "y": [1], "z": half})
    assert [open_table(frame).loses_digits(name) for name in "xyz"] == [True, False, True]


def test_distinct_values_are_counted_up_to_a_limit():
    """Template ids are few; a column of phones is refused, without showing one."""
    table = open_table(pa.table({"few": ["a", "b", None, "a"], "many": ["85255311111", "2", "3", "4"]}))
    assert table.distinct("few") == {"a", "b"}
    with pytest.raises(TableError, match=r"'many'.* more than 3") as caught:
        table.distinct("many", limit=3)
    assert "8525" not in str(caught.value)


# pandas


def test_every_missing_value_of_pandas_is_a_null():
    """None, NaN, NaT and NA all mean: nothing there."""
    assert read(pd.DataFrame({"x": pd.Series([None, np.nan, pd.NaT, pd.NA, "a"], dtype=object)})) == [None] * 4 + ["a"]


def test_an_object_column_of_pandas_is_read_value_by_value():
    """Mixed values become text each by its own rule, and a decimal's scale is its own."""
    one = uuid.UUID("0123ec8d-4c1f-4a6b-9d2e-7f00c0ffee00")
    values = [1, 2.0, "3", Decimal("4.50"), Decimal("4.5"), True, np.int64(5), np.float32(0.1), np.bool_(False), b"6"]
    values += [MOMENT.date(), MOMENT, pd.Timestamp(MOMENT, tz="Asia/Hong_Kong"), MOMENT.time(), one]
    values += [np.datetime64("2026-11-22"), np.datetime64("NaT", "us"), np.str_("7"), Decimal("NaN")]
    expected = ["1", "2", "3", "4.50", "4.5", "true", "5", "0.1", "false", "6"]
    expected += ["2026-11-22", "2026-11-22 14:30:00", "2026-11-22 14:30:00+08:00", "14:30:00", str(one)]
    expected += ["2026-11-22 00:00:00", None, "7", None]
    assert read(pd.DataFrame({"x": pd.Series(values, dtype=object)})) == expected


def test_what_is_no_value_in_an_object_column_is_unreadable():
    """A dict or a list among values makes its row invalid and names only the type."""
    found = read([{"x": {"a": 1}}, {"x": [1]}, {"x": dt.timedelta(1)}, {"x": "\ud800"}, {"x": "a"}])
    reasons = [cell.reason for cell in found if isinstance(cell, Unreadable)]
    assert reasons == ["a value of type dict", "a value of type list", "a value of type timedelta", "not UTF-8 text"]
    assert found[-1] == "a"


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pd.Series([1, None], dtype="Int64"), ["1", None]),
        (pd.Series([1.5, None], dtype="Float64"), ["1.5", None]),
        (pd.Series([True, None], dtype="boolean"), ["true", None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["a", None], dtype="string[python]"), ["a", None]),
        (pd.Series([85255311111, None]), ["85255311111", None]),
        (pd.Series([1, "a"], dtype="category"), ["1", "a"]),
        (pd.Series([1.0, 2.5], dtype="category"), ["1", "2.5"]),
        (pd.Series(pd.arrays.SparseArray([1, 0])), ["1", "0"]),
        (pd.Series(pd.to_datetime([MOMENT, None])), ["2026-11-22 14:30:00", None]),
        (pd.Series(np.array([0.1], np.float16)), ["0.1"]),
    ],
    ids=lambda it: str(getattr(it, "dtype", "")),
)
def test_every_dtype_of_pandas_becomes_the_expected_text(series, expected):
    """Nullable, categorical and sparse columns included."""
    assert read(pd.DataFrame({"x": series})) == expected


def test_the_pandas_index_is_ignored():
    """Rows are counted by position, whatever the index says."""
    frame = pd.DataFrame({"x": ["a", "b"]}, index=[7, 7])
    (batch,) = open_table(frame).batches(["x"])
    assert (batch.first_row, batch.columns["x"]) == (1, ["a", "b"])


def test_a_duplicated_column_is_refused_only_where_it_is_needed():
    """Which of the two is meant cannot be known."""
    frame = pd.DataFrame([["a", "b", "c"]], columns=["x", "x", "y"])
    assert read(frame, "y") == ["c"]
    with pytest.raises(TableError, match="more than one column 'x'"):
        open_table(frame).batches(["x"])


def test_a_column_name_that_is_no_string_is_compared_as_text():
    """A frame made from a matrix has numbers for names."""
    assert read(pd.DataFrame([["a", "b"]]), "1") == ["b"]
    assert read([{1: "a"}], "1") == ["a"]


def test_periods_and_intervals_of_pandas_are_refused():
    """Their inner numbers would look like values."""
    frame = pd.DataFrame({"x": pd.period_range("2026-01", periods=1, freq="M"), "y": pd.interval_range(0, 1)})
    for column in "xy":
        with pytest.raises(TableError, match="has no text"):
            open_table(frame).batches([column])


# polars, duckdb, Arrow, lists


def test_enums_categories_and_objects_of_polars_are_read():
    """Object columns never reach Arrow: polars would export addresses."""
    frame = pl.DataFrame(
        {
            "enum": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
            "category": pl.Series(["a", None], dtype=pl.Categorical),
            "object": pl.Series([Decimal("1.50"), None], dtype=pl.Object),
            "array": pl.Series([["a", "b"], None], dtype=pl.Array(pl.String, 2)),
        }
    )
    (batch,) = open_table(frame).batches(["enum", "category", "object"], list_columns=["array"])
    assert dict(batch.columns) == {"enum": ["a", "b"], "category": ["a", None], "object": ["1.50", None]}
    assert dict(batch.lists) == {"array": [["a", "b"], None]}


def test_the_message_for_a_lazy_frame_says_to_collect_it():
    """Computing it is the author's decision."""
    with pytest.raises(TableError, match=r"\.collect\(\)"):
        open_table(pl.LazyFrame({"x": [1]}))


def test_a_query_of_duckdb_gives_what_a_warehouse_has():
    """Huge integers, decimals, enums and UUIDs of a query become text."""
    query = duckdb.sql(
        "SELECT 85255311111::HUGEINT AS h, 12.50::DECIMAL(10, 2) AS d, 'a'::ENUM('a', 'b') AS e, "
        "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS u, 'x'::BLOB AS b, [1, 2] AS l"
    )
    (batch,) = open_table(query).batches(["h", "d", "e", "u", "b"], list_columns=["l"])
    texts = [cells[0] for cells in batch.columns.values()]
    assert texts == ["85255311111", "12.50", "a", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "x"]
    assert batch.lists["l"] == [["1", "2"]]


def test_a_query_of_duckdb_may_have_any_column_names():
    """Names are quoted; only the needed columns are computed."""
    query = duckdb.sql("SELECT 'a' AS \"x \"\"y\", error('computed')::VARCHAR AS other")
    assert read(query, 'x "y') == ["a"]


def test_a_key_that_a_row_lacks_is_a_null():
    """The columns of a list of dicts are all the keys that occur."""
    table = open_table([{"x": "a"}, {"y": "b"}, {}])
    assert table.column_names == ("x", "y")
    (batch,) = table.batches(["x", "y"])
    assert dict(batch.columns) == {"x": ["a", None, None], "y": [None, "b", None]}


def test_a_row_that_is_no_dict_is_named_by_its_number():
    """The error tells which row and what type, not what it holds."""
    with pytest.raises(TableError, match="row 2 of the list is a str") as caught:
        open_table([{"x": 1}, "85255311111"])
    assert caught.value.row_number == 2
    assert "8525" not in str(caught.value)


@pytest.mark.parametrize("other", [42, None, {"x": 1}, {1, 2}, b"a", pl.Series([1]), pd.Series([1]), iter([{"x": 1}])])
def test_what_is_no_table_is_refused_with_what_is(other):
    """The error lists everything that may be handed over."""
    with pytest.raises(TableError):
        open_table(other).batches(["x"])


def test_a_number_is_refused_with_a_list_of_what_is_accepted():
    """The author learns what to hand over instead."""
    with pytest.raises(TableError, match=r"cannot be a int.*Parquet.*pandas.*polars.*pyarrow.*duckdb.*list of dicts"):
        open_table(42)


# lists of parameters


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([["a", None], None, []]), [["a", None], None, []]),
        (pa.array([["a"], None, ["b", "c"]], pa.large_list(pa.string())), [["a"], None, ["b", "c"]]),
        (pa.array([["a", "b"], None, ["c", "d"]], pa.list_(pa.string(), 2)), [["a", "b"], None, ["c", "d"]]),
        (pa.array([[1.0, 2.5], None]), [["1", "2.5"], None]),
        (pa.array([[Decimal("12.50")]]), [["12.50"]]),
        (pa.array([["a", "a"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))), [["a", "a"]]),
        (pa.array([["a"], None], pa.list_view(pa.string())), [["a"], None]),
        (pa.array([b'["a"]', None]), [["a"], None]),
        (pa.nulls(2), [None, None]),
    ],
    ids=lambda it: str(getattr(it, "type", "")),
)
def test_every_kind_of_list_becomes_lists_of_text(array, expected):
    """Elements follow the rules of columns; a null list is None, an empty one is empty."""
    assert read_lists(pa.table({"x": array})) == expected
    assert read_lists(pa.table({"x": array})[1:]) == expected[1:]


def test_lists_in_python_cells_may_be_lists_tuples_arrays_or_json():
    """What upstream tasks put into cells."""
    cells = [["a", 1.0], ("b", None), np.array([0.1, 2.0], np.float32), np.array(["c"]), '["d"]', None, np.nan]
    expected = [["a", "1"], ["b", None], ["0.1", "2"], ["c"], ["d"], None, None]
    assert read_lists([{"x": cell} for cell in cells]) == expected
    assert read_lists(pd.DataFrame({"x": pd.Series(cells, dtype=object)})) == expected


@pytest.mark.parametrize(
    "text", ["", "a", '{"a": 1}', "42", '["a"', "[" * 100_000, '["\\ud800"]', "[1e999999]", "[[1]]"]
)
def test_text_that_is_no_array_of_values_is_unreadable(text):
    """Hostile JSON makes an invalid row, not a failed run."""
    assert isinstance(read_lists([{"x": text}])[0], Unreadable)
    assert isinstance(read_lists(pa.table({"x": [text]}))[0], Unreadable)


def test_an_element_that_cannot_be_text_makes_the_list_unreadable():
    """The reason names the element by its place."""
    (found,) = read_lists([{"x": ["a", {"b": 1}]}])
    assert found == Unreadable("element 2 of the list is a value of type dict")
    assert read_lists([{"x": 42}]) == [Unreadable("neither a list nor the JSON text of an array")]


def test_numbers_in_json_keep_their_digits():
    """12.50 stays 12.50; an exponent is written out; a bare .0 goes."""
    (found,) = read_lists([{"x": "[12.50, 85255311111.0, 1e3, 1.5e-7, 12345678901234567890, -0]"}])
    assert found == ["12.50", "85255311111", "1000", "0.00000015", "12345678901234567890", "-0"]


@pytest.mark.parametrize(
    "array", [pa.array([1]), pa.array([[["a"]]]), pa.array([{"a": 1}])], ids=lambda it: str(it.type)
)
def test_a_column_that_cannot_hold_lists_is_refused_at_the_call(array):
    """The error names the column and its type."""
    with pytest.raises(TableError, match=r"column 'x'.*of type .*list of texts") as caught:
        open_table(pa.table({"x": array})).batches([], list_columns=["x"])
    assert caught.value.column == "x"


def test_the_kind_of_python_values_is_found_by_looking_at_them():
    """One kind for the whole column; nulls do not count."""
    rows = [{"date": MOMENT.date(), "zone": MOMENT.replace(tzinfo=HONG_KONG), "null": None, "float": np.float32(1)}]
    rows += [{"date": np.nan, "null": pd.NaT}]
    expected = {"date": "date", "zone": "timestamp with zone", "null": "text", "float": "float32"}
    assert open_table(rows).kinds(list(expected)) == expected


@pytest.mark.parametrize("other", ["a", MOMENT, True, MOMENT.time(), MOMENT.replace(tzinfo=HONG_KONG).timetz()])
def test_a_key_column_of_several_kinds_is_refused(other):
    """A row that changes from one to the other would be another recipient, and the campaign would not notice."""
    table = open_table([{"x": MOMENT.date()}, {"x": other}])
    with pytest.raises(TableError, match=r"key column 'x'.* different types \(.*date.*\)") as caught:
        table.kinds(["x"])
    assert caught.value.column == "x"
    assert open_table([{"x": 1}, {"x": "a"}, {"x": 1.5}]).kinds(["x"]) == {"x": "text"}


def test_files_of_different_types_have_the_kind_that_is_common_to_them(tmp_path):
    """Integers in one file and strings in the next are both text; dates and strings together are refused as a key."""
    pq.write_table(pa.table({"x": [1], "y": [MOMENT.date()], "z": pa.nulls(1)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["1"], "y": ["a"], "z": [MOMENT.date()]}), tmp_path / "b.parquet")
    table = open_table(tmp_path)
    assert table.kinds(["x", "z"]) == {"x": "text", "z": "date"}
    assert table.arrow_type_name("x") == "int64 | string"
    assert read(tmp_path) == ["1", "1"]
    assert read(tmp_path, "y") == ["2026-11-22", "a"]
    with pytest.raises(TableError, match=r"'y'.*\(date, text\)"):
        table.kinds(["y"])


def test_a_decimal_context_of_the_caller_changes_nothing():
    """Digits do not depend on the precision that some library has set."""
    with decimal.localcontext(prec=3):
        assert read([{"x": Decimal("-0.00")}, {"x": Decimal("123456.7890")}]) == ["0.00", "123456.7890"]
