# SPDX-License-Identifier: Apache-2.0
"""Recognises tables whose own log says which of their files are live: read as plain files, deleted rows come back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from airflow_provider_uspeedo.errors import TableError


@dataclass(frozen=True, slots=True)
class LoggedTable:
    """A kind of table.

    :param name: with its article.
    :param reader: Python that reads its live rows as Arrow or a frame.
    """

    name: str
    reader: str


DELTA = LoggedTable("a Delta table", "deltalake.DeltaTable(...).to_pyarrow_table()")
ICEBERG = LoggedTable("an Iceberg table", 'pyiceberg.catalog.load_catalog().load_table("...").scan().to_arrow()')
HUDI = LoggedTable(
    "a Hudi table", "pyarrow.Table.from_batches(hudi.HudiTableBuilder.from_base_uri(...).build().read())"
)
LANCE = LoggedTable("a Lance table", "lance.dataset(...).to_table()")
PAIMON = LoggedTable("a Paimon table", "a reader of pypaimon and its .to_arrow(...)")
SPARK_STREAM = LoggedTable("the output of a Spark stream", "spark.read.parquet(...).toPandas()")
DUCK_LAKE = LoggedTable("a DuckLake table", 'duckdb.sql("FROM lake.due") with the DuckLake attached as lake')
HIVE = LoggedTable("a transactional Hive table", "a query of Hive, such as HiveServer2Hook().get_df(...)")

_BY_FOLDER = {"_delta_log": DELTA, ".hoodie": HUDI, "_versions": LANCE, "_spark_metadata": SPARK_STREAM}
_ICEBERG_METADATA = re.compile(r".*\.metadata\.json(\.gz)?|version-hint\.text|snap-.*\.avro")
_HIVE_TRANSACTION = re.compile(r"(delete_)?delta_0\d{3,}_0\d{3,}(_\d+)?|base_0\d{6,}(_v\d+)?")
_DUCK_LAKE_FILE = re.compile(r"ducklake-[0-9a-f-]{36}.*\.parquet")
"""Its log is in a database of its own; in the folder only the names of files tell it."""
_IN_FOOTER = {b"iceberg.schema": ICEBERG, b"hoodie_bloom_filter_type_code": HUDI, b"org.apache.hudi.bloomfilter": HUDI}


def logged_table(
    folder: str, has_folder: Callable[[str, str], bool], names: Callable[[str], Collection[str]]
) -> LoggedTable | None:
    """Return which kind of table this folder is, or ``None``.

    :param has_folder: whether a folder holds a folder of this name.
    :param names: the names in a folder.
    """
    if _HIVE_TRANSACTION.fullmatch(folder.rpartition("/")[2]):
        return HIVE
    for name, kind in _BY_FOLDER.items():
        if has_folder(folder, name):
            return kind
    if has_folder(folder, "metadata") and any(map(_ICEBERG_METADATA.fullmatch, names(f"{folder}/metadata"))):
        return ICEBERG
    if has_folder(folder, "snapshot") and has_folder(folder, "schema"):
        return PAIMON if any(name.startswith("snapshot-") for name in names(f"{folder}/snapshot")) else None
    return None


def table_of_name(path: str) -> LoggedTable | None:
    """Return the kind of table that a file belongs to by its name."""
    return DUCK_LAKE if _DUCK_LAKE_FILE.fullmatch(path.rpartition("/")[2]) else None


def table_of_footer(metadata: dict[bytes, bytes] | None) -> LoggedTable | None:
    """Return the kind of table that a Parquet file was written for, by the keys in its footer."""
    return next((kind for key, kind in _IN_FOOTER.items() if key in (metadata or {})), None)


def refusal(place: str, kind: LoggedTable) -> TableError:
    """Return the error for files of such a table."""
    return TableError(
        f"{place} belongs to {kind.name}. Its log says which files are live; read as plain files, deleted and old rows "
        f"would be sent to. Read it in a task with the format's own reader and pass what it gives: "
        f"recipients={kind.reader}."
    )
