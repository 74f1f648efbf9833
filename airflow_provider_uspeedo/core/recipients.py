# SPDX-License-Identifier: Apache-2.0
"""A recipient is one message to one phone; a bad row is a row that cannot be one, and why."""

from __future__ import annotations

from typing import NamedTuple

from airflow_provider_uspeedo.core.statuses import Status


class Recipient(NamedTuple):
    """One row that can be sent.

    A named tuple, because a million of them are made and a frozen dataclass costs five times as much.
    """

    row_number: int
    """The row in the table, counted from 1."""
    key: bytes
    """16 bytes: what makes this recipient one recipient (see :mod:`.keys`)."""
    phone: str
    """``(country code)number``."""
    params: tuple[str, ...]
    """One text per variable of the template."""
    user_id: str
    extend_code: str
    template_id: str
    sender_id: str
    time_zone: str = ""
    """Whose clock the hours of a policy are read from; see :mod:`.zone_keys`. ``""`` where there are no hours."""

    def __repr__(self) -> str:
        return f"<recipient of row {self.row_number}>"


class BadRow(NamedTuple):
    """One row that is not sent, and why."""

    row_number: int
    status: str
    """``invalid``, ``duplicate`` or ``suppressed``."""
    reason: str
    """What is wrong and in which column; never the value itself."""
    phone: str
    """``(country code)number`` where it could be read, else as the table has it, cut to 64 characters."""
    user_id: str
    template_id: str
    sender_id: str
    key: bytes | None = None
    """The recipient's key where it could still be made: such a row may have been texted by an earlier attempt."""

    def __repr__(self) -> str:
        return f"<{self.status} row {self.row_number}: {self.reason}>"


def duplicate_of(one: Recipient, row_number: int) -> BadRow:
    """The row ``one`` as a duplicate of the row with that number."""
    reason = f"same recipient as row {row_number}"
    return BadRow(
        one.row_number, Status.DUPLICATE, reason, one.phone, one.user_id, one.template_id, one.sender_id, one.key
    )
