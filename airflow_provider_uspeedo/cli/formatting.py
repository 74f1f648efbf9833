# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and tables as text for a terminal, and records as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_uspeedo.core.plural import counted


def moment(time: datetime | None) -> str:
    """To the second, in UTC; the heading or the text beside it names the zone."""
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def ago(time: datetime, now: datetime | None = None) -> str:
    """How long that is.

    >>> ago(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 2, 30, tzinfo=UTC))
    '2 hours ago'
    """
    seconds = ((now or datetime.now(UTC)) - time).total_seconds()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= size:
            return f"{counted(int(seconds // size), unit)} ago"
    return f"{counted(max(int(seconds), 0), 'second')} ago"


def recipients(number: int) -> str:
    """So many recipients.

    >>> recipients(1), recipients(1000)
    ('1 recipient', '1,000 recipients')
    """
    return counted(number, "recipient")


def listed(counts: Mapping[str, int], without: Iterable[str] = ()) -> str:
    """Counts in one line.

    >>> listed({"settled": 5, "unknown": 1, "claimed": 0})
    '5 settled, 1 unknown'
    """
    left_out = set(without)
    return ", ".join(f"{number:,} {name}" for name, number in counts.items() if number and name not in left_out) or "-"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Columns, two spaces apart; the last one is not padded.

    :param right: columns of numbers.
    """
    lines, numbers = [tuple(heads), *map(tuple, rows)], set(right)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def as_json(record: Any) -> str:
    """Plain JSON: times in ISO 8601 and UTC, records as objects."""
    return json.dumps(record, default=_plain, indent=2)


def as_object(record: Any) -> dict[str, Any]:
    """The fields of one record."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return as_object(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
