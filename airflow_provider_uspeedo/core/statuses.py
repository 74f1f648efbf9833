# SPDX-License-Identifier: Apache-2.0
"""The statuses that a row of the table can end in; every row ends in exactly one."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The status of one row, in the order in which statuses are shown."""

    ACCEPTED = "accepted"
    """The API accepted the message (or it was resolved as sent)."""
    REJECTED = "rejected"
    """The API named this recipient as failed, with a reason. Never sent again."""
    INVALID = "invalid"
    """Not sent: the row itself is wrong (phone, parameter, ...); the reason names the column."""
    DUPLICATE = "duplicate"
    """Not sent: another row of the same table is the same recipient."""
    SUPPRESSED = "suppressed"
    """Not sent: the recipient is on a suppression list."""
    UNKNOWN = "unknown"
    """It may have been accepted: the answer was lost. Never sent again without a decision."""
    NOT_SENT = "not_sent"
    """Certainly not sent. A later run sends it."""


STATUSES: tuple[str, ...] = tuple(status.value for status in Status)
"""All of them as plain text, for JSON and tables."""
