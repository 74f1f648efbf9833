# SPDX-License-Identifier: Apache-2.0
"""The summary of one attempt: the number of rows in each status, and the first failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone, mask_user_id
from airflow_provider_uspeedo.core.plan import Plan
from airflow_provider_uspeedo.core.statuses import STATUSES, Status

MAX_SESSIONS = 1000
"""Session numbers listed in a summary; the results table has them all."""
MAX_FAILURES = 1000
"""Failures listed in a summary; the results table has them all."""


@dataclass(frozen=True, slots=True)
class ListedFailure:
    """A row that is rejected, invalid or unknown; the phone and all vendor text are masked."""

    row_number: int
    phone: str
    user_id: str
    status: str
    reason: str

    @classmethod
    def masked(cls, row_number: int, phone: str, user_id: str, status: str, reason: str) -> ListedFailure:
        """From the unmasked values in the ledger."""
        return cls(
            row_number, mask_phone(phone) if phone else "", mask_user_id(user_id, phone), status, mask_digits(reason)
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of one attempt: they come from the ledger and describe the table as this attempt read it.

    :param counts: status -> rows, for every status.
    :param accepted_now: the number of accepted rows that this attempt sent.
    :param requests: the number of requests that this attempt sent.
    :param ledger_file: the path of the local SQLite ledger, for messages; not in the XCom.
    :param countries: country code -> recipients of the table, as far as this attempt has read it; not in the XCom.
    :param plan: of a dry run.
    """

    campaign_id: str
    counts: Mapping[str, int]
    accepted_now: int
    requests: int
    session_nos: Sequence[str] = field(default=())
    failures: Sequence[ListedFailure] = field(default=())
    results_conn_id: str | None = None
    results_table: str = ""
    ledger_file: str = ""
    countries: Mapping[str, int] = field(default_factory=dict)
    plan: Plan | None = None

    def __getitem__(self, status: str) -> int:
        return self.counts.get(status, 0)

    @property
    def rows(self) -> int:
        """The number of rows that were read."""
        return sum(self.counts.values())

    @property
    def truncated(self) -> bool:
        """True if a list was cut; the results table is complete."""
        failed = self[Status.REJECTED] + self[Status.INVALID] + self[Status.UNKNOWN]
        return len(self.session_nos) > MAX_SESSIONS or failed > min(len(self.failures), MAX_FAILURES)

    def to_xcom(self) -> dict[str, Any]:
        """The plain JSON that the operator returns."""
        return {
            "campaign_id": self.campaign_id,
            "rows": self.rows,
            **{status: self[status] for status in STATUSES},
            "accepted_now": self.accepted_now,
            "requests": self.requests,
            "session_nos": list(self.session_nos[:MAX_SESSIONS]),
            "failures": [
                {
                    "row_number": f.row_number,
                    "phone": f.phone,
                    "user_id": f.user_id,
                    "status": str(f.status),
                    "reason": f.reason,
                }
                for f in self.failures[:MAX_FAILURES]
            ],
            "truncated": self.truncated,
            "results_conn_id": self.results_conn_id,
            "results_table": self.results_table,
            **({} if self.plan is None else {"plan": self.plan.to_xcom()}),
        }
