# SPDX-License-Identifier: Apache-2.0
"""Recognises what writers leave beside the finished files of a table while they are still writing."""

from __future__ import annotations

import re
from collections.abc import Collection

_FOLDER = re.compile(
    r"_temporary|_temporary[-_].*|__magic.*|\.spark-staging.*|\.hive-staging.*|_impala_insert_staging|\.?_tmp_space\.db"
)
"""Of Hadoop and Spark, the committers of S3A, Spark's dynamic overwrite, Hive, Impala."""
_FILE = re.compile(
    r"(?P<name>.+?)(\.(part|partial|filepart|tmp|temp|crdownload|download|opdownload|aria2|incomplete|uploading|pending"
    r"|inprogress(\.[\w-]+)?)|\._COPYING_)",
    re.IGNORECASE,
)
_RSYNC = re.compile(r"\.(?P<name>.+\.(parquet|parq|csv|tsv))\.[A-Za-z0-9]{6}")
_STARTED, _COMMITTED = "_started_", "_committed_"


def is_being_written(names: Collection[str]) -> str | None:
    """Return the first of the names in a folder that says that a writer is not done, or ``None``."""
    for name in sorted(names):
        if is_commit_folder(name) or written_name(name) is not None:
            return name
        if name.startswith(_STARTED) and _COMMITTED + name.removeprefix(_STARTED) not in names:
            return name  # Databricks writes one before and one after
    return None


def is_commit_folder(name: str) -> bool:
    """Return whether a writer keeps the files of its commit there until all are written."""
    return _FOLDER.fullmatch(name) is not None


def written_name(name: str) -> str | None:
    """Return the name that a file will have when it has been written; ``None`` if it is not being written.

    >>> written_name("due.parquet.crdownload"), written_name("due.parquet")
    ('due.parquet', None)
    """
    match = _RSYNC.fullmatch(name) or _FILE.fullmatch(name)
    return match["name"].removeprefix(".") if match else None


def is_partition(name: str) -> bool:
    """Return whether a folder is named for a column and its value: ``dt=2026-11-01``."""
    return "=" in name[1:]
