# SPDX-License-Identifier: Apache-2.0
"""The contact policy of a DAG: who may be texted, when, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, time
from typing import Any

__all__ = ["ContactPolicy"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ContactPolicy:
    """Who may be texted, when, and how often; for ``SendBatchSMSOperator(policy=...)``.

    Every field may be left out, and may hold templates and outputs of other tasks. All is checked when the task runs.
    A dict with the same keys does as well.

    :param suppress: phones that may not be texted: a path or URI; ``{"path": ...}``, ``{"table": ..., "sql_conn_id":
        ...}`` or ``{"sql": ..., "sql_conn_id": ...}``, each with the name of its column as ``"column"`` unless that is
        ``phone``; phones or rows by value; or a list of such.
    :param countries: only phones of these, ISO 3166 alpha-2.
    :param hours: when the window opens and closes, ``["09:00", "20:00"]``, on the recipient's own clock; it may cross
        midnight.
    :param time_zone_column: the column with the IANA name of each recipient's time zone, such as ``Asia/Hong_Kong``;
        without one, and where it is empty, the country of the phone decides.
    :param at_most: ``{"texts": 2, "days": 7}``: at most so many texts to one phone in so many days, over all campaigns
        of the ledger; or a list of such.
    :param not_after: no request begins later; with a time zone.
    """

    suppress: Any = field(default=None, repr=False)
    countries: Sequence[str] | str | None = None
    hours: Sequence[str | time] | str | None = None
    time_zone_column: str | None = None
    at_most: Mapping[str, int] | Sequence[Mapping[str, int]] | str | None = None
    not_after: datetime | str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields that are given, by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def serialize(self) -> str:
        """The text that Airflow stores where it finds one as it is; without the phones of ``suppress``."""
        return repr(self)
