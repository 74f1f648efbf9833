# SPDX-License-Identifier: Apache-2.0
"""Parquet files: where they are found, in which order they are read, and what happens when they are not there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_uspeedo.errors import SourceNotFound, TableError
from airflow_provider_uspeedo.tables import open_table
from tests.tables.reading import read


def write(path: Path, *values: object, column: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({column: list(values)}), path)
    return path


@pytest.fixture
def folder(tmp_path):
    """Parquet files at several depths, and much that a table's folder has besides."""
    write(tmp_path / "due" / "b.parquet", "b")
    write(tmp_path / "due" / "a.parquet", "a1", "a2")
    write(tmp_path / "due" / "day=1" / "part.PARQ", "d")
    write(tmp_path / "due" / "_temporary" / "x.parquet", "hidden")
    write(tmp_path / "due" / ".x.parquet", "hidden")
    write(tmp_path / "due" / "_delta_log" / "x.parquet", "hidden")
    (tmp_path / "due" / "_SUCCESS").touch()
    (tmp_path / "due" / "README.txt").write_text("about")
    return tmp_path / "due"


def test_a_file_may_have_any_name(tmp_path):
    """What is named itself is read, hidden or not."""
    assert read(write(tmp_path / "_people", "a")) == ["a"]


def test_a_folder_is_read_with_all_below_it_in_the_order_of_the_paths(folder):
    """Hidden names and other files are left out; row numbers go on from file to file."""
    table = open_table(folder)
    assert [(batch.first_row, batch.columns["x"]) for batch in table.batches(["x"])] == [(1, ["a1", "a2", "b", "d"])]
    assert table.rows_at_most() == 4
    assert table.description == f"<3 Parquet files in {folder}>"


def test_a_path_may_be_text_with_or_without_a_slash_at_its_end(folder):
    """As people write it."""
    assert read(str(folder)) == read(f"{folder}/") == read(folder) == ["a1", "a2", "b", "d"]


def test_a_relative_path_and_a_home_path_are_understood(folder, monkeypatch):
    """A tilde and the working directory mean what they mean in a shell."""
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    assert read("due") == read("~/due") == [*read("./due/*.parquet"), "d"] == ["a1", "a2", "b", "d"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.parquet", ["a1", "a2", "b"]),
        ("[b]*.parquet", ["b"]),
        ("day=*", ["d"]),
        ("**/*.PARQ", ["d"]),
        ("**/*.[pP]*", ["a1", "a2", "b", "d"]),
        ("*/*.parquet", []),
        ("_temp*/*.parquet", ["hidden"]),
    ],
)
def test_a_glob_reads_what_matches_once(folder, pattern, expected):
    """Folders that match are read whole; hidden names only where the pattern asks for them."""
    if expected:
        assert read(f"{folder}/{pattern}") == expected
    else:
        with pytest.raises(SourceNotFound, match="no Parquet file matching"):
            open_table(f"{folder}/{pattern}")


def test_a_name_that_looks_like_a_glob_is_taken_as_it_is_if_it_exists(tmp_path):
    """A file may be called people[1].parquet."""
    assert read(write(tmp_path / "people[1].parquet", "a")) == ["a"]


def test_a_glob_that_matches_another_kind_of_file_says_which(folder):
    """An explicit pattern is not second-guessed."""
    with pytest.raises(TableError, match=r"README\.txt cannot be read as Parquet"):
        open_table(f"{folder}/*")


def test_a_missing_path_may_be_tried_again(tmp_path):
    """A late partition is not the author's mistake."""
    with pytest.raises(SourceNotFound, match="tomorrow"):
        open_table(tmp_path / "tomorrow")


def test_a_folder_without_a_parquet_file_may_be_tried_again(tmp_path):
    """The partition is there, its files are not yet."""
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(SourceNotFound, match="no Parquet file in"):
        open_table(tmp_path)


def test_a_file_that_vanishes_between_opening_and_reading_may_be_tried_again(tmp_path):
    """Somebody overwrites the partition at this moment."""
    path = write(tmp_path / "a.parquet", "a")
    batches = open_table(path).batches(["x"])
    path.unlink()
    with pytest.raises(SourceNotFound, match="is not there"):
        list(batches)


def test_a_file_that_is_not_parquet_is_refused_at_once(tmp_path):
    """A CSV file with the wrong name never starts a campaign."""
    path = tmp_path / "a.parquet"
    for content in (b"", b"phone\n85255311111\n", b"PAR1" + b"\0" * 100 + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(TableError, match=r"a\.parquet cannot be read as Parquet") as caught:
            open_table(path)
        assert "8525" not in str(caught.value)


def test_damage_in_the_middle_of_a_file_names_the_file(tmp_path):
    """The footer is whole, the pages are not."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": [f"name {number}" for number in range(10_000)]}), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:2000] = Random(1).randbytes(1996)
    path.write_bytes(content)
    table = open_table(path)
    with pytest.raises(TableError, match=r"a\.parquet cannot be read as Parquet"):
        list(table.batches(["x"]))


def test_only_the_needed_columns_are_read(tmp_path):
    """A column whose bytes are destroyed does no harm as long as nobody asks for it."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"other": ["secret"] * 1000, "x": ["a"] * 1000}), path, use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content = bytearray(path.read_bytes())
    content[column.data_page_offset : column.data_page_offset + column.total_compressed_size] = Random(1).randbytes(
        column.total_compressed_size
    )
    path.write_bytes(content)
    assert read(path) == ["a"] * 1000
    with pytest.raises(TableError):
        read(path, "other")


def test_a_column_that_a_later_file_lacks_is_known_before_the_first_row(tmp_path):
    """The error names the file; nobody has been texted from the first one."""
    write(tmp_path / "a.parquet", "a")
    write(tmp_path / "b.parquet", "b", column="y")
    table = open_table(tmp_path)
    assert table.column_names == ()
    with pytest.raises(TableError, match=r"b\.parquet has no column 'x'"):
        table.batches(["x"])


def test_files_of_other_types_and_other_columns_are_read_as_long_as_the_needed_ones_are_there(tmp_path):
    """Each file becomes text by its own types."""
    pq.write_table(pa.table({"x": [85255311111], "more": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"y": [1], "x": ["85255311112"]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"x": [85255311113.0]}), tmp_path / "c.parquet")
    assert read(tmp_path) == ["85255311111", "85255311112", "85255311113"]


def test_an_empty_file_without_columns_is_passed_over(tmp_path):
    """Some writers leave one for an empty partition."""
    pq.write_table(pa.table({}), tmp_path / "a.parquet")
    write(tmp_path / "b.parquet", "b")
    assert read(tmp_path) == ["b"]


def test_dots_in_a_column_name_are_part_of_the_name(tmp_path):
    """A struct a with a field b is not the column a.b."""
    pq.write_table(pa.table({"a": ["1"], "a.b": ["2"], "s": [{"b": "3"}]}), tmp_path / "a.parquet")
    assert (read(tmp_path, "a"), read(tmp_path, "a.b")) == (["1"], ["2"])


# Airflow's object storage


def test_a_file_uri_is_opened_by_airflow(folder):
    """A URI with a scheme goes through ObjectStoragePath."""
    assert read(f"file://{folder}") == read(f"file://{folder}/") == ["a1", "a2", "b", "d"]
    assert read(f"file://{folder}/*.parquet") == ["a1", "a2", "b"]
    assert read(f"file://{folder}/b.parquet") == ["b"]
    assert open_table(f"file://{folder}/b.parquet").description == f"<Parquet file file://{folder}/b.parquet>"


def test_an_object_storage_path_is_taken_as_it_is(folder):
    """Authors may build the path themselves."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    assert read(ObjectStoragePath(f"file://{folder}")) == ["a1", "a2", "b", "d"]


@pytest.fixture
def memory():
    """A real file system of fsspec that is not the disk, attached to Airflow."""
    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach
    files = MemoryFileSystem()
    attach("memory", fs=files)
    attach("memory", conn_id="lake", fs=files)
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def _put(files: MemoryFileSystem, path: str, *values: str) -> None:
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    with files.open(path, "wb") as file:
        pq.write_table(pa.table({"x": list(values)}), file)


def test_object_storage_has_the_rules_of_a_local_folder(memory):
    """Recursive, sorted, hidden names left out; globs too."""
    _put(memory, "/lake/due/b.parquet", "b")
    _put(memory, "/lake/due/deep/a.parquet", "a")
    _put(memory, "/lake/due/_temporary/x.parquet", "hidden")
    assert read("memory://lake/due/") == ["b", "a"]
    assert read("memory://lake/due/*.parquet") == ["b"]
    assert read("memory://lake/due/**/*.parquet") == ["b", "a"]
    assert read("memory://lake/due/b.parquet") == ["b"]
    with pytest.raises(SourceNotFound):
        open_table("memory://lake/tomorrow/")


def test_a_connection_in_a_uri_is_used_and_not_shown(memory):
    """What stands before the @ may be a secret."""
    _put(memory, "/lake2/a.parquet", "a")
    table = open_table("memory://lake@lake2/a.parquet")
    assert [batch.columns["x"] for batch in table.batches(["x"])] == [["a"]]
    assert "@" not in table.description


def test_a_damaged_remote_file_is_an_error_of_the_table(memory):
    """Not a storage that does not answer."""
    with memory.open("/lake/a.parquet", "wb") as file:
        file.write(b"phone 85255311111")
    with pytest.raises(TableError, match="cannot be read as Parquet"):
        open_table("memory://lake/a.parquet")


def test_a_storage_that_does_not_answer_may_be_tried_again(memory, monkeypatch):
    """A broken line is not the author's mistake, and its message is not passed on."""
    _put(memory, "/lake/a.parquet", "a")

    def broken(*_, **__):
        raise ConnectionResetError("secret=abc")

    monkeypatch.setattr(memory, "open", broken)
    with pytest.raises(SourceNotFound, match="ConnectionResetError") as caught:
        open_table("memory://lake/a.parquet")
    assert "abc" not in str(caught.value)


def test_a_scheme_that_airflow_does_not_know_names_what_to_install():
    """The provider of the storage is missing."""
    with pytest.raises(TableError, match=r"no storage for 'nowhere://'.*Install"):
        open_table("nowhere://bucket/a.parquet")


# What is no path


@pytest.mark.parametrize(
    "text",
    [
        "[{'phone': '85255311111', 'name': 'Ann'}]",
        "['85255311111']",
        "[85255311111, 85255311112]",
        "{'phone': '85255311111'}",
        "   phone  name\n0  85255311111  Ann",
        "({'phone': '85255311111'},)",
        "85255311111",
        "+852 5531 1111",
        "<pyarrow.Table 85255311111>",
        "a" * 5000 + "85255311111",
        "85255311111\0",
        "phone,name\n+85255311111,Ann",
        "Ann,+85255311111",
        "Ann 85255311111",
        "+85255311111;Ann;https://pay.example/1",
        "[85255311111]",
        "tel:+85255311111",
        "whatsapp: +85255311111",
        '"+85255311111"',
        "phone\t85255311111",
    ],
)
def test_rows_that_a_template_has_turned_into_text_are_refused_and_not_shown(text):
    """The text of a list is no path, and full of phones."""
    with pytest.raises(TableError, match="not a path") as caught:
        open_table(text)
    assert "8525" not in str(caught.value)
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize("empty", ["", "  ", "None", " none ", "null", "NaN", "[]", "[ ]", "{}"])
def test_what_a_template_makes_of_nothing_is_refused_by_name(empty):
    """It is no path that may still appear."""
    with pytest.raises(TableError, match="recipients is empty"):
        open_table(empty)


def test_none_is_refused_by_name():
    """The task before returned nothing."""
    with pytest.raises(TableError, match="recipients is None"):
        open_table(None)


@pytest.mark.parametrize("place", ["/", ".", "~", "..", "~/", "./"])
def test_a_whole_disk_is_no_table(place):
    """``{{ var }}/`` with an empty variable would read everything."""
    with pytest.raises(TableError, match="which is no table"):
        open_table(place)
