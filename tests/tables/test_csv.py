# SPDX-License-Identifier: Apache-2.0
"""CSV: every cell is text, no row is lost, and what is damaged is known before any row is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from airflow_provider_uspeedo.errors import SourceNotFound, TableError
from airflow_provider_uspeedo.tables import Unreadable, open_table
from tests.tables.reading import read


@pytest.fixture
def put(tmp_path):
    def write(content: bytes | str, name: str = "people.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rows_of(recipients: object) -> list[tuple]:
    """All rows, of all columns."""
    table = open_table(recipients)
    return [row for batch in table.batches(table.column_names) for row in zip(*batch.columns.values(), strict=True)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_cell_is_text(put, delimiter, end, mark):
    """Zeros and signs of phones stay; a spreadsheet's byte order mark, delimiter and line ends are understood."""
    lines = ['"phone",name,amount', "0085255311111,Ann,12.50", '+85255311112,"Lee, Ben; Jr.",007', "85255311113,,"]
    lines = [line.replace(",", delimiter) if "Lee" not in line else line for line in lines]
    lines[2] = '+85255311112D"Lee, Ben; Jr."D007'.replace("D", delimiter)
    path = put(mark + end.join(lines) + end)
    assert rows_of(path) == [
        ("0085255311111", "Ann", "12.50"),
        ("+85255311112", "Lee, Ben; Jr.", "007"),
        ("85255311113", None, None),
    ]
    table = open_table(path)
    assert table.rows_at_most() == 3
    assert table.arrow_type_name("phone") == "string"
    assert table.description == f"<CSV file {path}>"


def test_quotes_hold_ends_of_lines_and_quotes(put):
    """An empty quoted cell is an empty text, another empty cell a null."""
    path = put('phone,name\n1,"Ann\nLee"\n2,"say ""hi"""\n3,""\n4,\n\n"5",a')
    assert rows_of(path) == [("1", "Ann\nLee"), ("2", 'say "hi"'), ("3", ""), ("4", None), ("5", "a")]


def test_types_are_not_guessed_from_the_first_rows(put):
    """A column that begins with numbers may go on with anything."""
    many = "".join(f"{number},{number}\n" for number in range(200_000))
    path = put("phone,x\n" + many + "true,2026-11-22\n")
    assert read(path)[-2:] == ["199999", "2026-11-22"]
    assert open_table(path).rows_at_most() == 200_001


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('phone,name\n1,"Ann\n2,Ben\n3,Cy\n', "quotation mark"),
        ('phone,name\n1,"Ann\n2,Ben\n3,"Cy\n', "quotation mark"),
        ('phone,name\n1,"Ann"Lee\n', "quotation mark"),
        ("phone,name\n1,Ann\n2\n", "row 3 has 1 cells instead of 2"),
        ("phone,name\n1,Ann\n" + "2,Ben\n" * 300_000 + "3,Cy,x\n", "has 3 cells instead of 2"),
        ("phone,name\n1," + "x" * 3_000_000 + "\n", "ArrowInvalid"),
        ("+85255311111,Ann\n+85255311112,Ben\n", "does not name the columns"),
        ("85255311111\n85255311112\n", "does not name the columns"),
        ("+85255311111,Ann", "does not name the columns"),
        ("", "does not name the columns"),
        ("phone,name\n1,Ann\n".encode("utf-16"), "not in UTF-8"),
        ("电话,姓名\n1,安\n".encode("gbk"), "cannot be read as CSV"),
        (b"phone,name\n1,A\0nn\n", "not in UTF-8"),
    ],
    ids=range(13),
)
def test_what_is_damaged_is_refused_before_any_row_is_used(put, content, why):
    """Wherever the damage is; nothing of a row is shown."""
    with pytest.raises(TableError, match=rf"people\.csv cannot be read as CSV.*{why}|{why}") as caught:
        open_table(put(content)).batches(["phone"])
    assert "8525531" not in str(caught.value)
    assert "Ben" not in str(caught.value)


def test_a_row_that_is_not_utf8_is_unreadable_and_the_others_are_read(put):
    """As in every other table."""
    found = read(put(b"phone,x\n1,\xff\xfe\n2,a\n"))
    assert isinstance(found[0], Unreadable)
    assert found[1:] == ["a"]


@pytest.mark.parametrize("content", ["phone,name\n", "phone,name", '\ufeff"phone",name\r\n', "phone,name\n\n"])
def test_a_header_alone_is_an_empty_table(put, content):
    """Nobody is due today."""
    table = open_table(put(content))
    assert (table.column_names, table.rows_at_most()) == (("phone", "name"), 0)
    assert list(table.batches(["phone", "name"])) == []


def test_a_folder_of_csv_is_read_with_the_columns_of_its_names(put, tmp_path):
    """It is not late; Parquet beside it is refused, and a gzip says how it is passed."""
    put("phone,x\n1,a\n", "due/dt=1/a.csv")
    put("x;phone\nb;2\n", "due/dt=2/b.CSV")
    put("x\tphone\nc\t3\n", "due/dt=2/c.tsv")
    assert rows_of(tmp_path / "due") == [("1", "a", "1"), ("2", "b", "2"), ("3", "c", "2")]
    assert read(f"{tmp_path}/due/dt=2/*.[cC]*", "dt") == ["2"]
    assert read(f"file://{tmp_path}/due", "dt") == ["1", "2", "2"]
    assert open_table(tmp_path / "due").description == f"<3 CSV files in {tmp_path}/due>"
    put(b"\x1f\x8b\x08\0", "due/dt=2/d.csv.gz")
    with pytest.raises(TableError, match=r"d\.csv\.gz cannot be read.*gzip.*read_csv"):
        open_table(tmp_path / "due")
    put(b"PAR1", "due/dt=2/d.csv.gz")
    with pytest.raises(TableError, match=r"a\.csv is CSV and .*d\.csv\.gz is Parquet"):
        open_table(tmp_path / "due")


def test_the_content_says_what_a_file_is_and_not_its_name(put, tmp_path):
    """Parquet that is called CSV is Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": ["a"]}), tmp_path / "people.csv")
    assert read(tmp_path / "people.csv") == ["a"]


def test_a_file_that_vanishes_may_be_tried_again(put):
    """Somebody overwrites it at this moment."""
    path = put("x\na\n")
    batches = open_table(path).batches(["x"])
    path.unlink()
    with pytest.raises(SourceNotFound, match="is not there"):
        list(batches)


def test_memory_does_not_grow_with_the_file(tmp_path):
    """A file of forty megabytes is read in a few."""
    path = tmp_path / "people.csv"
    with path.open("w") as file:
        file.write("phone,name\n")
        for start in range(0, 600_000, 100_000):
            people = range(start, start + 100_000)
            file.write("".join(f'+852{number:08},"{"name of somebody" * 2} {number}"\n' for number in people))
    program = f"""
import resource, sys
from airflow_provider_uspeedo.tables import open_table
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(batch.length for batch in open_table({str(path)!r}).batches(["phone", "name"]))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 600_000
    assert kilobytes < 30_000


def test_a_file_has_one_reader_at_most(tmp_path, monkeypatch):
    """Arrow's reader reads ahead in a thread of its own: two of them would move each other's place in the file."""
    readers, open_csv = [], csv.open_csv

    def counted(file, *options):
        readers.append(file)
        return open_csv(file, *options)

    monkeypatch.setattr(csv, "open_csv", counted)
    path = tmp_path / "people.csv"
    path.write_text("phone,name\n" + "+85255311111,Ada\n" * 200_000)
    assert sum(batch.length for batch in open_table(str(path)).batches(["phone", "name"])) == 200_000
    files = [file for file in readers if not isinstance(file, pa.BufferReader)]
    assert len(files) == len(set(map(id, files))) == 2
