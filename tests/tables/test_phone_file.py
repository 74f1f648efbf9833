# SPDX-License-Identifier: Apache-2.0
"""Lists of phones: Parquet, CSV or one in each line; a list that cannot be one is refused, never read as another."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.errors import SourceNotFound, TableError
from airflow_provider_uspeedo.tables.phone_file import MAX_LINE_CHARACTERS, phones_in_file, phones_in_lines

PHONES = ["+85255311111", "+852 5531 2222"]


def written(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


@pytest.mark.parametrize("column", [None, "msisdn"])
def test_the_only_column_of_a_parquet_file_holds_them(tmp_path: Path, column: str | None) -> None:
    """Null cells are empty rows."""
    pq.write_table(pa.table({"msisdn": [*PHONES, None]}), tmp_path / "list.parquet")
    assert list(phones_in_file(tmp_path / "list.parquet", column)) == [*PHONES, None]


def test_a_folder_is_read_as_one_list(tmp_path: Path) -> None:
    """In the order of its files."""
    for number, phone in enumerate(PHONES):
        pq.write_table(pa.table({"phone": [phone], "why": ["stop"]}), tmp_path / f"{number}.parquet")
    assert list(phones_in_file(str(tmp_path))) == PHONES


def test_the_column_called_phone_is_taken_of_several(tmp_path: Path) -> None:
    """Another one must be named."""
    file = written(tmp_path / "list.csv", f"id,phone,mobile\n1,{PHONES[0]},{PHONES[1]}\n")
    assert list(phones_in_file(file)) == PHONES[:1]
    assert list(phones_in_file(file, "mobile")) == PHONES[1:]
    with pytest.raises(TableError, match="'id', 'mobile'"):
        phones_in_file(written(tmp_path / "other.csv", "id,mobile\n1,2\n"))
    with pytest.raises(TableError, match="msisdn"):
        phones_in_file(file, "msisdn")


@pytest.mark.parametrize("content", ["+85255311111\n+85255312222\n", "name,+852 5531 1111\nbob,+85255312222\n"])
def test_a_csv_file_without_a_heading_is_refused(tmp_path: Path, content: str) -> None:
    """Its first phone would be the name of a column, and not on the list; it is not quoted."""
    with pytest.raises(TableError, match="its first line does not name the columns") as error:
        phones_in_file(written(tmp_path / "list.csv", content))
    assert "5531" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["list.txt", "list"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_plain_text_has_one_phone_in_each_line(tmp_path: Path, name: str, encoding: str, end: str) -> None:
    """Of any encoding that editors save; the last line may have no end."""
    file = written(tmp_path / name, end.join(PHONES), encoding)
    assert list(phones_in_file(file)) == PHONES


def test_a_first_line_without_digits_is_a_heading(tmp_path: Path) -> None:
    """It counts as a row, so that numbers are those of the lines; later lines are what they are."""
    assert list(phones_in_lines(io.StringIO("phone\n+85255311111\nphone\n\n"))) == [None, PHONES[0], "phone", ""]


def test_characters_of_another_encoding_spoil_their_line_only(tmp_path: Path) -> None:
    """It is no phone then, and is counted."""
    first, second = phones_in_file(written(tmp_path / "list", b"+852\xff55311111\n+85255311111\n"))
    assert (first, second) == ("+852\N{REPLACEMENT CHARACTER}55311111", PHONES[0])


def test_the_end_of_a_long_line_is_no_line(tmp_path: Path) -> None:
    """It could be a phone."""
    lines = io.StringIO("x" * MAX_LINE_CHARACTERS + "+85255311111\n+85255312222\n")
    assert list(phones_in_lines(lines)) == [None, "+85255312222"]


@pytest.mark.parametrize(
    "head", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x1f\x8b\x08\x00", b"ARROW1\0\0"]
)
def test_other_formats_are_refused(tmp_path: Path, head: bytes) -> None:
    """A workbook has no lines."""
    with pytest.raises(TableError, match="Save it as one of these"):
        phones_in_file(written(tmp_path / "list", head + b"\n+85255311111\n"))


def test_plain_text_has_no_columns(tmp_path: Path) -> None:
    """Most likely the file has another name than it should."""
    with pytest.raises(TableError, match="it has no column 'phone'"):
        phones_in_file(written(tmp_path / "list", PHONES[0]), "phone")


def test_a_file_that_is_not_there_is_no_empty_list(tmp_path: Path) -> None:
    """It may be on its way."""
    with pytest.raises(SourceNotFound):
        phones_in_file(tmp_path / "list.txt")
