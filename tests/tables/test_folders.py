# SPDX-License-Identifier: Apache-2.0
"""Folders of other writers: no row is left out silently, none comes back from the dead, and columns stand in names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_uspeedo.errors import SourceNotFound, TableError
from airflow_provider_uspeedo.tables import open_table
from tests.tables.reading import read


class Store:
    """A folder, and how its paths are passed."""

    def __init__(self, root: str, files: MemoryFileSystem | None = None) -> None:
        self.root = root
        self._files = files

    def path(self, below: str) -> str:
        return f"memory://{self.root}/{below}" if self._files else f"{self.root}/{below}"

    def write(self, below: str, *values: object) -> None:
        self.put(below, _parquet(pa.table({"x": list(values)})))

    def put(self, below: str, content: bytes = b"") -> None:
        path = f"{self.root}/{below}"
        if self._files:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, content)
        else:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(content)


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture(params=["disk", "object storage"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A folder on this machine, or in a real file system of fsspec that Airflow opens."""
    if request.param == "disk":
        yield Store(str(tmp_path))
        return
    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach
    files = MemoryFileSystem()
    attach("memory", fs=files)
    yield Store("/lake", files)
    files.store.clear()
    files.pseudo_dirs[:] = [""]


# Tables whose own log says which files are live

LOGS = {
    "a Delta table": ["_delta_log/00000000000000000000.json"],
    "an Iceberg table": ["metadata/00001-abc.metadata.json"],
    "an Iceberg table, compressed": ["metadata/00001-abc.gz.metadata.json", "metadata/version-hint.text"],
    "a Hudi table": [".hoodie/hoodie.properties"],
    "a Lance table": ["_versions/1.manifest"],
    "a Paimon table": ["snapshot/snapshot-1", "schema/schema-0"],
    "the output of a Spark stream": ["_spark_metadata/0"],
}
PLACES = ["t", "t/", "", "t/data", "t/data/dt=1/", "t/data/dt=1/0.parquet", "t/**/*.parquet", "*/data/dt=1/0.parquet",
          "t/data/*/0.parquet", "t/da*", "*", "t/data/dt=[1]/*.parquet"]  # fmt: skip


@pytest.mark.parametrize("kind", LOGS)
def test_a_table_with_a_log_of_its_own_is_refused_from_wherever_it_is_reached(store, kind):
    """Rows that were deleted because someone opted out are still in its files."""
    store.write("t/data/dt=1/0.parquet", "deleted")
    assert read(store.path("t")) == ["deleted"]
    for name in LOGS[kind]:
        store.put(f"t/{name}", _parquet(pa.table({"x": ["deleted"]})))
    refused = rf"belongs to {kind.partition(',')[0]}\. Its log says which files are live.*recipients="
    for place in PLACES:
        with pytest.raises(TableError, match=refused):
            open_table(store.path(place))


@pytest.mark.parametrize(
    "folder", ["base_0000001", "base_0000001_v0000002", "delta_0001_0001", "delta_0000002_0000003_0000"]
)
def test_a_transactional_table_of_hive_is_refused(store, folder):
    """Its folders are named for transactions, some of which were rolled back."""
    store.write(f"t/dt=1/{folder}/bucket_00000", "deleted")
    for place in ("t", "", "t/dt=1/", f"t/dt=1/{folder}/", f"t/dt=1/{folder}/bucket_00000", "t/*", "t/*/*/b*"):
        with pytest.raises(TableError, match="belongs to a transactional Hive table"):
            open_table(store.path(place))


def test_files_that_were_written_for_a_table_say_so_wherever_they_are(store):
    """Iceberg may keep its metadata elsewhere, and a table's files may have been copied."""
    schema = pa.schema([("x", pa.string())], metadata={"iceberg.schema": "{}"})
    store.put("copy/a.parquet", _parquet(pa.table({"x": ["deleted"]}, schema=schema)))
    with pytest.raises(TableError, match="belongs to an Iceberg table"):
        open_table(store.path("copy/a.parquet"))


def test_files_of_a_duck_lake_are_known_by_their_names(store):
    """Its log is in a database; a row that was deleted stays in its file, and another file says so."""
    store.write("main/due/ducklake-0198f5c1-7e9a-7c2e-9d3f-1a2b3c4d5e6f.parquet", "deleted")
    for place in ("main/due", "", "main/*/*.parquet", "main/due/ducklake-0198f5c1-7e9a-7c2e-9d3f-1a2b3c4d5e6f.parquet"):
        with pytest.raises(TableError, match=r"belongs to a DuckLake table.*recipients=duckdb"):
            open_table(store.path(place))


def test_folders_that_only_sound_like_a_log_are_read(store):
    """A column or a date may have such a name."""
    store.write("due/base_20261101/0.parquet", "a")
    store.write("due/delta_20261101_20261102/0.parquet", "b")
    store.write("due/metadata/0.parquet", "c")
    store.write("due/schema/0.parquet", "d")
    store.write("due/snapshot/0.parquet", "e")
    assert read(store.path("due")) == ["a", "b", "c", "d", "e"]


def test_a_link_into_a_table_with_a_log_is_refused(tmp_path):
    """The link does not say where it leads."""
    store = Store(str(tmp_path))
    store.write("t/0.parquet", "deleted")
    store.put("t/_delta_log/0.json")
    (tmp_path / "people.parquet").symlink_to(tmp_path / "t" / "0.parquet")
    (tmp_path / "due").mkdir()
    (tmp_path / "due" / "today").symlink_to(tmp_path / "t")
    for place in ("people.parquet", "due", "due/*", "due/today", "due/today/0.parquet"):
        with pytest.raises(TableError, match="belongs to a Delta table"):
            open_table(tmp_path / place)


# What is not finished

WRITERS = [
    "_temporary/0/task_1/part-1.parquet", "_temporary/0/_x", "__magic_job-1/x", ".spark-staging-1/dt=1/x.parquet",
    ".hive-staging_hive_2026-11-22_1/-ext-10000/x", "_impala_insert_staging/x", "b.parquet.part", "b.parquet.tmp",
    "b.parquet.crdownload", "b.parquet._COPYING_", ".b.parquet.inprogress.1f-3", "b.parquet.filepart",
    ".b.parquet.Xy12Zq", "_started_123",
]  # fmt: skip


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_being_written_beside_finished_parts_may_be_tried_again(store, writer):
    """Half of the people would be texted, and the others never."""
    store.write("due/a.parquet", "a")
    store.put(f"due/{writer}", b"PAR1")
    for place in ("due", "due/", "due/*.parquet", "d*", "**/*.parquet"):
        with pytest.raises(SourceNotFound, match=r"is not finished yet: a writer's .* is there"):
            open_table(store.path(place))


def test_what_is_being_written_deeper_down_or_at_the_root_of_a_partition_is_seen(store):
    """Spark commits all partitions of a table at its root."""
    store.write("due/dt=1/a.parquet", "a")
    assert read(store.path("due/dt=1")) == ["a"]
    store.put("due/_temporary/0/x")
    for place in ("due/dt=1", "due/dt=1/*.parquet", "due/dt=*", "due", ""):
        with pytest.raises(SourceNotFound, match="not finished yet"):
            open_table(store.path(place).rstrip("/"))


def test_an_empty_commit_folder_counts_and_a_finished_commit_does_not(tmp_path):
    """The folder is made before the first file; Databricks marks both ends."""
    store = Store(str(tmp_path))
    for name in ("a.parquet", "_started_7", "_committed_7", "_SUCCESS", ".a.parquet.crc"):
        store.write(f"due/{name}", "a")
    assert read(tmp_path / "due") == ["a"]
    (tmp_path / "due" / "_temporary").mkdir()
    with pytest.raises(SourceNotFound, match="_temporary"):
        open_table(tmp_path / "due")


def test_a_pattern_does_not_wait_for_files_that_it_will_not_match(store):
    """An inbox is shared with others."""
    store.write("inbox/people-1.parquet", "a")
    store.put("inbox/other.pdf.part", b"x")
    assert read(store.path("inbox/people-*.parquet")) == ["a"]
    store.put("inbox/people-2.parquet.part", b"x")
    with pytest.raises(SourceNotFound, match=r"people-2\.parquet\.part"):
        open_table(store.path("inbox/people-*.parquet"))


# Files that are not called Parquet


def test_parquet_of_any_name_is_part_of_the_table(store):
    """Hive and Presto write no suffix."""
    store.write("due/000000_0", "a")
    store.write("due/part-1.parquet", "b")
    store.write("due/x y.pq", "c")
    store.write("due/ä.parquet.bak", "d")
    assert read(store.path("due")) == ["a", "b", "c", "d"]
    assert read(store.path("due/0*")) == ["a"]


def test_a_folder_of_parquet_without_suffixes_is_read(store):
    """It was retried as if it were late."""
    store.write("due/000000_0", "a")
    store.write("due/000001_0", "b")
    store.put("due/_SUCCESS")
    store.put("due/empty")
    assert read(store.path("due")) == ["a", "b"]


OTHERS = {
    "ORC": (b"ORC\x0a", "pyarrow.orc"),
    "an Arrow file": (b"ARROW1\0\0", "pyarrow.feather"),
    "a Feather file": (b"FEA1", "pyarrow.feather"),
    "Avro": (b"Obj\x01\x04", "polars.read_avro"),
    "gzip": (b"\x1f\x8b\x08\0", "pandas.read_csv"),
    "JSON": (b'{"phone": "+85255311111"}\n', "pyarrow.json"),
    "a zip archive or an Excel sheet": (b"PK\x03\x04", "pandas.read_excel"),
    "encrypted Parquet": (b"PARE", "decryption_properties"),
    "CSV": (b"phone,name\n+85255311111,Ann\n", "pandas.read_csv"),
    "damaged": (b"README", "Write it again"),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("beside", [False, True])
def test_a_file_of_another_format_is_refused_by_name_and_says_how_it_is_passed(store, kind, beside):
    """Alone, in a folder and beside Parquet; it is not late, and not left out."""
    content, reader = OTHERS[kind]
    for name in ("people", "people.parquet", "people.json"):
        store.put(f"due {name}/{name}", content)
        if beside:
            store.write(f"due {name}/a.parquet", "a")
        for place in (f"due {name}/{name}", f"due {name}", f"due {name}/*"):
            with pytest.raises(TableError, match=rf"/{name} cannot be read as Parquet: it .*{kind}") as caught:
                open_table(store.path(place))
            assert reader in str(caught.value)
            assert "5531" not in str(caught.value)


def test_empty_files_are_no_table_and_are_left_out(store):
    """Markers of any name; but an empty file that is called Parquet is a broken one."""
    store.put("due/done")
    with pytest.raises(SourceNotFound, match="no Parquet file or CSV file in"):
        open_table(store.path("due"))
    store.put("due/a.parquet")
    with pytest.raises(TableError, match=r"a\.parquet cannot be read as Parquet"):
        open_table(store.path("due"))


# Links


def test_linked_folders_and_files_are_read_once(tmp_path):
    """Also where a link leads back up."""
    store = Store(str(tmp_path))
    store.write("elsewhere/a.parquet", "a")
    store.write("due/b.parquet", "b")
    (tmp_path / "due" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "due" / "up").symlink_to(tmp_path / "due")
    (tmp_path / "due" / "c.parquet").symlink_to(tmp_path / "due" / "b.parquet")
    (tmp_path / "today").symlink_to(tmp_path / "due")
    for place in (tmp_path / "due", tmp_path / "today", f"file://{tmp_path}/due", f"{tmp_path}/due/*"):
        assert sorted(read(place)) == ["a", "b"]


def test_a_link_to_nothing_may_be_tried_again(tmp_path):
    """What it stands for is part of the table."""
    store = Store(str(tmp_path))
    store.write("due/b.parquet", "b")
    (tmp_path / "due" / "c.parquet").symlink_to(tmp_path / "due" / "later")
    (tmp_path / "due" / ".#lock").symlink_to("nobody@host")
    with pytest.raises(SourceNotFound, match=r"c\.parquet is a link to a file that is not there"):
        open_table(tmp_path / "due")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_may_be_tried_again(tmp_path):
    """Its files are part of the table."""
    store = Store(str(tmp_path))
    store.write("due/b.parquet", "b")
    (tmp_path / "due" / "closed").mkdir(mode=0)
    with pytest.raises(SourceNotFound, match="cannot be reached now"):
        open_table(tmp_path / "due")


# Columns in the names of folders


def test_a_column_whose_name_begins_with_an_underscore_is_one_too(store):
    """Spark leaves out ``_x`` but not ``_x=1``."""
    store.write("due/_dt=1/0.parquet", "a")
    store.write("due/_dt=2/_x.parquet", "hidden")
    store.write("due/_old/_dt=1/0.parquet", "hidden")
    for place in ("due", "due/*", "due/**/*.parquet", "due/_dt=*"):
        assert (read(store.path(place)), read(store.path(place), "_dt")) == (["a"], ["1"])


def test_a_column_in_the_names_of_folders_is_a_column_of_text(store):
    """From wherever the table is reached, and for keys too."""
    store.write("due/dt=2026-11-01/n=007/0.parquet", "a", "b")
    store.write("due/dt=2026-11-02/n=7/0.parquet", "c")
    table = open_table(store.path("due"))
    assert table.column_names == ("x", "dt", "n")
    assert table.kinds(["dt", "n"]) == {"dt": "text", "n": "text"}
    (batch,) = table.batches(["x", "dt"], key_columns=["n"])
    assert (batch.columns, batch.keys) == (
        {"x": ["a", "b", "c"], "dt": ["2026-11-01", "2026-11-01", "2026-11-02"]},
        {"n": ["007", "007", "7"]},
    )
    for place in ("due/*", "due/dt=*/*/*.parquet", "due/**/0.parquet"):
        assert read(store.path(place), "n") == ["007", "007", "7"]
    for place in ("due/dt=2026-11-02", "due/dt=2026-11-02/n=7/0.parquet", "due/dt=2026-11-02/*"):
        assert read(store.path(place), "dt") == ["2026-11-02"]
    assert table.distinct("dt") == {"2026-11-01", "2026-11-02"}


def test_values_in_names_are_decoded(store):
    """As their writers encode them."""
    for number, name in enumerate(["w=Hong%20Kong", "w=a%2Fb%3D1", "w=Ann Lee", "w=%FF", "w=a=b"]):
        store.write(f"due{number}/{name}/0.parquet", "a")
    found = [read(store.path(f"due{number}"), "w") for number in range(5)]
    assert found == [["Hong Kong"], ["a/b=1"], ["Ann Lee"], ["%FF"], ["a=b"]]


@pytest.mark.parametrize("value", ["__HIVE_DEFAULT_PARTITION__", ""])
def test_the_default_partition_is_a_null(store, value):
    """Not a word that could be texted."""
    store.write(f"due/w={value}/0.parquet", "a")
    assert read(store.path("due"), "w") == [None]


def test_a_column_that_the_file_has_is_the_files(store):
    """The name of the folder is only its copy."""
    store.write("due/x=other/0.parquet", "a")
    assert read(store.path("due")) == ["a"]
    store.write("due/y=1/y=2/0.parquet", "b")
    with pytest.raises(TableError, match="more than one column 'y'"):
        open_table(store.path("due/y=1")).batches(["y"])


def test_an_empty_file_in_a_partition_lacks_no_column(store):
    """Some writers leave one."""
    store.put("due/dt=1/0.parquet", _parquet(pa.table({})))
    store.write("due/dt=2/0.parquet", "b")
    assert read(store.path("due"), "dt") == ["2"]


# Odd files


@pytest.mark.parametrize("rows", [1, 50_000])
def test_a_truncated_file_is_refused(store, rows):
    """At any length."""
    content = _parquet(pa.table({"x": [f"name {number}" for number in range(rows)]}))
    for length in (1, 4, 8, len(content) // 2, len(content) - 1):
        store.put("due/a.parquet", content[:length])
        with pytest.raises(TableError, match=r"a\.parquet cannot be read as Parquet"):
            open_table(store.path("due"))


def test_column_names_count_with_their_case(store):
    """Two columns that differ in case are two."""
    store.put("due/a.parquet", _parquet(pa.table({"x": ["a"], "X": ["b"]})))
    assert (read(store.path("due")), read(store.path("due"), "X")) == (["a"], ["b"])


def test_a_duplicated_column_of_a_file_is_refused_only_where_it_is_needed(store):
    """Which of the two is meant cannot be known."""
    store.put("due/a.parquet", _parquet(pa.Table.from_arrays([pa.array(["a"])] * 3, names=["x", "x", "y"])))
    assert read(store.path("due"), "y") == ["a"]
    with pytest.raises(TableError, match="more than one column 'x'"):
        open_table(store.path("due")).batches(["x"])
