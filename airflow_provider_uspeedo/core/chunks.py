# SPDX-License-Identifier: Apache-2.0
"""Cutting recipients into requests: at most 1000 each, and no phone twice in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.block import Recipients
from airflow_provider_uspeedo.core.content import TaskContent
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

    def add_all(self, recipients: Recipients) -> list[Recipients]:
        """Takes many recipients in, in order; returns the chunks that are now closed."""
        if len(self._open) > 1 or not recipients.differ_in("phone") or recipients.any_in("phone", self._open_phones()):
            return [Recipients.of(chunk) for chunk in map(self.add, recipients) if chunk]
        # There is one chunk to fill, then the next.
        missing = (self._size - sum(map(len, self._open))) % self._size
        closed = [Recipients.of(chunk) for chunk in map(self.add, recipients[:missing]) if chunk]
        others = recipients[missing:]
        whole = len(others) // self._size * self._size
        closed += [others[start : start + self._size] for start in range(0, whole, self._size)]
        for recipient in others[whole:]:
            self.add(recipient)
        return closed

    def _open_phones(self) -> list[str]:
        return [phone for chunk in self._open for phone in chunk]

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


def by_template_and_sender(recipients: Recipients) -> list[TaskContent]:
    """The recipients of one request in groups with one template and one sender each, in order of first appearance."""
    if not recipients:
        return []
    templates, senders = (recipients.column(name).dictionary_encode() for name in ("template_id", "sender_id"))
    kinds = numbers_of(templates.indices) * len(senders.dictionary) + numbers_of(senders.indices)
    found, first, sizes = np.unique(kinds, return_index=True, return_counts=True)
    by_appearance = np.argsort(first)
    place_of = np.empty_like(by_appearance)
    place_of[by_appearance] = np.arange(len(found))
    in_groups = recipients.take(np.argsort(place_of[np.searchsorted(found, kinds)], kind="stable"))
    ends = np.cumsum(sizes[by_appearance]).tolist()
    named = [divmod(kind, len(senders.dictionary)) for kind in found[by_appearance].tolist()]
    return [
        TaskContent(templates.dictionary[template].as_py(), senders.dictionary[sender].as_py(), in_groups[start:end])
        for (template, sender), start, end in zip(named, [0, *ends], ends, strict=False)
    ]
