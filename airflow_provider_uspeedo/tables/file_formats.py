# SPDX-License-Identifier: Apache-2.0
"""Recognises the format of a file by its first bytes and its name, and says how to pass one that is not read."""

from __future__ import annotations

from airflow_provider_uspeedo.errors import TableError

PARQUET = "Parquet"
CSV = "CSV"
PARQUET_SUFFIXES = (".parquet", ".parq")
CSV_SUFFIXES = (".csv", ".tsv")
HEAD_BYTES = 64

_MAGIC = (
    (b"PAR1", PARQUET, ""),
    (b"PARE", "encrypted Parquet", "pyarrow.parquet.read_table(path, decryption_properties=...)"),
    (b"ORC", "ORC", "pyarrow.orc.read_table(path)"),
    (b"ARROW1", "an Arrow file", "pyarrow.feather.read_table(path)"),
    (b"FEA1", "a Feather file", "pyarrow.feather.read_table(path)"),
    (b"\xff\xff\xff\xff", "an Arrow stream", "pyarrow.ipc.open_stream(path).read_all()"),
    (b"Obj\x01", "Avro", "polars.read_avro(path)"),
    (b"\x1f\x8b", "gzip", "pandas.read_csv(path, dtype=str)"),
    (b"BZh", "bzip2", "pandas.read_csv(path, dtype=str)"),
    (b"\x28\xb5\x2f\xfd", "zstd", "pandas.read_csv(path, dtype=str)"),
    (b"\xfd7zXZ", "xz", "pandas.read_csv(path, dtype=str)"),
    (b"PK\x03\x04", "a zip archive or an Excel sheet", "pandas.read_excel(path, dtype=str)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel sheet", "pandas.read_excel(path, dtype=str)"),
    (b"SQLite format 3", "a SQLite database", 'pandas.read_sql("SELECT ...", connection)'),
    (b"\x89HDF", "HDF5", "pandas.read_hdf(path)"),
    (b"\x80\x04\x95", "a Python pickle", "pandas.read_pickle(path)"),
    (b"\x80\x05\x95", "a Python pickle", "pandas.read_pickle(path)"),
    (b"LANC", "Lance", "lance.dataset(path).to_table()"),
)
_JSON = (b"{", b"[")
_JSON_READER = "pyarrow.json.read_json(path), for one object a line"
_CSV_READER = 'pandas.read_csv(path, dtype=str), or name it ".csv"'


def format_of(name: str, head: bytes) -> str | None:
    """Return ``Parquet``, ``CSV``, or ``None`` for what is not read.

    :param name: the file's name; a suffix counts where the content says nothing.
    :param head: its first bytes, :data:`HEAD_BYTES` or all.
    """
    found = next((kind for magic, kind, _ in _MAGIC if head.startswith(magic)), None)
    if found is not None:
        return PARQUET if found == PARQUET else None
    return CSV if name.lower().endswith(CSV_SUFFIXES) else None


def refusal_of_format(place: str, head: bytes) -> TableError:
    """Return the error for a file that is not read: what it is, and how to pass its rows."""
    name, reader = _what(head)
    if not reader:
        return TableError(
            f"{place} cannot be read as Parquet: it is damaged, not finished, or of another format. Write it again, "
            f"or read it in a task and pass the table."
        )
    return TableError(
        f"{place} cannot be read as Parquet: it looks like {name}, and only Parquet and CSV are read. Read it in a "
        f"task and pass the table, with phones as text: recipients={reader}."
    )


def _what(head: bytes) -> tuple[str, str]:
    for magic, kind, reader in _MAGIC:
        if head.startswith(magic):
            return kind, reader
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_JSON):
        return "JSON", _JSON_READER
    if any(text.split(b"\n")[0].count(mark) for mark in (b",", b";", b"\t", b"|")) and b"\0" not in head:
        return "CSV", _CSV_READER
    return "", ""
