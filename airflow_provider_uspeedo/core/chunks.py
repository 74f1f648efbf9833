# SPDX-License-Identifier: Apache-2.0
"""Cutting recipients into requests: at most 1000 each, and no phone twice in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_provider_uspeedo.core.content import Target, TaskContent
from airflow_provider_uspeedo.core.recipients import Recipient

MOST_IN_ONE_REQUEST = 1000
"""The vendor's limit of numbers in one request, over all groups."""
OPEN_AT_ONCE = 8
"""Chunks kept open for recipients that share a phone; a bounded number, so that memory does not grow."""


class Cutter:
    """Collects recipients into chunks; two that share a phone (under two keys) never share a chunk.

    :param size: recipients in a full chunk, 1 to 1000.
    """

    def __init__(self, size: int = MOST_IN_ONE_REQUEST) -> None:
        self._size = size
        self._open: list[dict[str, Recipient]] = []
        self._rows: dict[bytes, int] = {}

    def row_of(self, key: bytes) -> int | None:
        """The row of the recipient with this key, if it is in an open chunk."""
        return self._rows.get(key)

    def first_open_row(self) -> int | None:
        """The smallest row number in an open chunk."""
        return min((r.row_number for chunk in self._open for r in chunk.values()), default=None)

    def add(self, recipient: Recipient) -> list[Recipient] | None:
        """Takes one recipient in; returns a chunk if one is now closed."""
        phone = recipient.phone
        self._rows[recipient.key] = recipient.row_number
        closed = None
        for chunk in self._open:
            if phone not in chunk:
                break
        else:
            if len(self._open) == OPEN_AT_ONCE:
                closed = self._close(self._open[0])
            chunk = {}
            self._open.append(chunk)
        chunk[phone] = recipient
        return self._close(chunk) if len(chunk) == self._size else closed

    def rest(self) -> Iterator[list[Recipient]]:
        """Closes what is still open."""
        while self._open:
            yield self._close(self._open[0])

    def _close(self, chunk: dict[str, Recipient]) -> list[Recipient]:
        self._open.remove(chunk)
        recipients = list(chunk.values())
        for recipient in recipients:
            del self._rows[recipient.key]
        return recipients


def by_template_and_sender(recipients: Sequence[Recipient]) -> list[list[Recipient]]:
    """The recipients of one request in groups with one template and one sender each, in order of first appearance."""
    groups: dict[tuple[str, str], list[Recipient]] = {}
    for recipient in recipients:
        groups.setdefault((recipient.template_id, recipient.sender_id), []).append(recipient)
    return list(groups.values())


def content_of(groups: Sequence[Sequence[Recipient]]) -> list[TaskContent]:
    """What a request says of such groups."""
    return [
        TaskContent(
            group[0].template_id,
            group[0].sender_id,
            [Target(one.phone, one.params, one.user_id, one.extend_code) for one in group],
        )
        for group in groups
    ]
