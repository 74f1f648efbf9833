# SPDX-License-Identifier: Apache-2.0
"""Columns that are only in the names of folders: ``dt=2026-11-01/part-0.parquet`` has a column ``dt``, of text."""

from __future__ import annotations

from urllib.parse import unquote

NULL_VALUES = ("__HIVE_DEFAULT_PARTITION__", "")
"""What Hive, Spark and Arrow write for a null or an empty value."""


def partition_values(path: str) -> list[tuple[str, str | None]]:
    """Return columns and values in the names of the folders above a file, outermost first.

    >>> partition_values("/lake/dt=2026-11-01/place=Hong%20Kong/part-0.parquet")
    [('dt', '2026-11-01'), ('place', 'Hong Kong')]

    :param path: with ``/`` between its parts; names and values may be percent-encoded, as their writers do.
    """
    found = []
    for folder in path.split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if name and equals:
            found.append((_decoded(name), None if value in NULL_VALUES else _decoded(value)))
    return found


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
