# SPDX-License-Identifier: Apache-2.0
"""Why rows of an attempt were not sent, the most frequent reasons first: for the log. The results have every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from airflow_provider_uspeedo.campaign.guards import Guards
from airflow_provider_uspeedo.campaign.moment_rules import HOURS, NOT_AFTER
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.attempt_log import UnsentReason
from airflow_provider_uspeedo.core.masking import hide_digits
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.summary import Summary

SHOWN = 5
"""Reasons that are named."""


def unsent_reasons(
    summary: Summary, guards: Guards, reading: TableReader, left_out: Mapping[str, int]
) -> tuple[UnsentReason, ...]:
    """Returns the reasons that this attempt knows without asking the ledger for each row.

    Rejected, invalid and unknown rows are those that the summary lists, whichever attempt met them; if there are more
    than it lists, those of this attempt.

    :param left_out: why the ledger or the moment left recipients out of requests.
    """
    found: Counter[tuple[str, str]] = Counter()
    if sum(summary[status] for status in (Status.REJECTED, Status.INVALID, Status.UNKNOWN)) > len(summary.failures):
        found.update({(Status.REJECTED, text): rows for text, rows in guards.rejections()})
        found.update({(Status.INVALID, text): rows for text, rows in reading.invalid_rows().reasons.most_common()})
    else:
        found.update((one.status, _without_phones(one.status, one.reason)) for one in summary.failures)
    for status, reasons in reading.excluded.items():
        found.update({(status, text): rows for text, rows in reasons.most_common()})
    for reason, rows in left_out.items():
        waits = reason.partition(":")[0] in (HOURS, NOT_AFTER)
        found[Status.NOT_SENT if waits else Status.SUPPRESSED, hide_digits(reason)] += rows
    return tuple(UnsentReason(rows, str(status), text) for (status, text), rows in found.most_common(SHOWN) if text)


def _without_phones(status: str, reason: str) -> str:
    """Only the vendor's own texts quote phones, and each row's its own; in ours such digits are an address."""
    return hide_digits(reason) if status == Status.REJECTED else reason
