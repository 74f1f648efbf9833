# SPDX-License-Identifier: Apache-2.0
"""Cutting recipients into requests: at most 1000 each, and no phone twice in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from airflow_provider_uspeedo.core.content import TaskContent
from airflow_provider_uspeedo.core.recipients import Recipient

MOST_IN_ONE_REQUEST = 1000
"""The vendor's limit of numbers in one request, over all groups."""
OPEN_AT_ONCE = 8
"""Chunks kept open for recipients that share a phone; a bounded number, so that memory does not grow."""


_KIND: Callable[[Recipient], tuple[str, str]] = attrgetter("template_id", "sender_id")


class Cutter:
    """Collects recipients into chunks; two that share a phone (under two keys) never share a chunk.

    :param size: recipients in a full chunk, 1 to 1000.
    """

    def __init__(self, size: int = MOST_IN_ONE_REQUEST) -> None:
        self._size = size
        self._open: list[dict[str, Recipient]] = []
        self._rows: dict[bytes, int] = {}

    @property
    def open_rows(self) -> Mapping[bytes, int]:
        """The rows of the recipients in open chunks, by their keys."""
        return self._rows

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

    def add_all(self, recipients: Sequence[Recipient]) -> list[list[Recipient]]:
        """Takes many recipients in, in order; returns the chunks that are now closed."""
        phones = {recipient.phone for recipient in recipients}
        first = self._open[0] if self._open else {}
        if len(self._open) > 1 or len(phones) < len(recipients) or not first.keys().isdisjoint(phones):
            return [chunk for chunk in map(self.add, recipients) if chunk]
        # No phone comes twice: there is one chunk to fill, then the next.
        waiting = [*first.values(), *recipients]
        whole = len(waiting) - len(waiting) % self._size
        rest = waiting[whole:]
        self._open = [{recipient.phone: recipient for recipient in rest}] if rest else []
        self._rows = {recipient.key: recipient.row_number for recipient in rest}
        return [waiting[start : start + self._size] for start in range(0, whole, self._size)]

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
    for kind, alike in groupby(recipients, _KIND):
        groups.setdefault(kind, []).extend(alike)
    return list(groups.values())


def content_of(groups: Sequence[Sequence[Recipient]]) -> list[TaskContent]:
    """What a request says of such groups."""
    return [TaskContent(group[0].template_id, group[0].sender_id, group) for group in groups]
