# SPDX-License-Identifier: Apache-2.0
"""Pages of rows: where one begins, which rows are meant, and what is shown of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from airflow_provider_uspeedo.errors import ConfigurationError

OWN_ROWS, RECIPIENTS = "rows", "recipients"
"""The two parts of all rows, in order."""


class RowPlace(NamedTuple):
    """Where a page begins: after a row number of an attempt, or after some recipients of a request.

    Its text holds no phone and no recipient's key, so that it may stand in an address.
    """

    what: str = OWN_ROWS
    attempt_no: int = 0
    request_id: bytes = b""
    after: int = 0

    def __str__(self) -> str:
        return f"{self.what}.{self.attempt_no}.{self.request_id.hex()}.{self.after}"

    @classmethod
    def of(cls, text: str) -> RowPlace:
        """The place that a text names; ``""``: the beginning.

        :raises ConfigurationError: it names none.
        """
        if not text:
            return cls()
        what, *numbers = text.split(".")
        try:
            attempt_no, request_id, after = numbers
            place = cls(what, int(attempt_no), bytes.fromhex(request_id), int(after))
        except ValueError:
            place = cls("")
        if place.what not in (OWN_ROWS, RECIPIENTS) or not all(0 <= n < 2**63 for n in (place[1], place[3])):
            raise ConfigurationError("The address names no place among the rows of a campaign: begin anew.")
        return place


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are meant.

    :param status: only with this one; ``""``: with any.
    :param phones: spellings of one phone; none: any.
    :param user_id: ``""``: any. With ``phones``: rows that have one of them, or this user id.
    :param request_id: only the recipients of this request of ours.
    """

    status: str = ""
    phones: tuple[str, ...] = field(default=(), repr=False)
    user_id: str = field(default="", repr=False)
    request_id: bytes = b""

    def on(self, lines: Any) -> list[Any]:
        """Conditions on lines of the results relation."""
        found = self.about(lines)
        return [*found, lines.status == self.status] if self.status else found

    def about(self, person: Any) -> list[Any]:
        """Those on phone and user id alone, of lines or of recipients."""
        either = [person.phone.in_(self.phones)] if self.phones else []
        either += [person.user_id == self.user_id] if self.user_id else []
        return [sa.or_(*either)] if either else []


class ShownRow(NamedTuple):
    """One line of the results relation. It holds a phone: its text shows nothing."""

    row_number: int | None
    status: str
    reason: str | None
    phone: str
    user_id: str
    template_id: str
    session_no: str | None
    settled_at: datetime | None
    receipt_result: str | None
    receipt_desc: str | None

    def __repr__(self) -> str:
        return f"ShownRow(row_number={self.row_number}, status={self.status!r})"


@dataclass(frozen=True, slots=True)
class RowPage:
    """Some rows.

    :param next_place: where the next page begins; ``None``: there are no more rows.
    :param is_cut: the time was over before the page was full.
    """

    rows: tuple[ShownRow, ...]
    next_place: RowPlace | None
    is_cut: bool
