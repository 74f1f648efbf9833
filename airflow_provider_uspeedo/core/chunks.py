# SPDX-License-Identifier: Apache-2.0
"""Cuts recipients into requests: at most 1000 in each, and no phone twice in one."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.content import TaskContent
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient

MAX_RECIPIENTS_PER_REQUEST = 1000
"""The vendor's limit of phones in one request, over all groups."""
MAX_OPEN_CHUNKS = 8
"""Chunks kept open for recipients that share a phone; bounds the memory."""


class Cutter:
    """Collects recipients into chunks; two with the same phone (and different keys) are never in one chunk.

    :param size: recipients in a full chunk, 1 to 1000.
    """

    def __init__(self, size: int = MAX_RECIPIENTS_PER_REQUEST) -> None:
        self._size = size
        # At most one of the two holds recipients: chunks kept open because of a shared phone, or the rest of a cut.
        self._open: list[dict[str, Recipient]] = []
        self._left = RecipientBatch.of(())

    def open_rows(self) -> dict[bytes, int]:
        """The rows of the recipients in open chunks, by their keys."""
        rows = {one.key: one.row_number for chunk in self._open for one in chunk.values()}
        left = numbers_of(self._left.column("row_number")).tolist()
        return rows | dict(zip(self._left.keys(), left, strict=True))

    def add_all(self, recipients: RecipientBatch) -> list[RecipientBatch]:
        """Adds recipients in order; returns the chunks that are now complete."""
        if len(self._open) == 1:
            self._left = RecipientBatch.of(self._open.pop().values())
        recipients = RecipientBatch.joined([part for part in (self._left, recipients) if part] or [recipients])
        self._left = recipients[:0]
        if self._open or not recipients.differ_in("phone"):
            return [RecipientBatch.of(chunk) for chunk in map(self._add, recipients) if chunk]
        whole = len(recipients) // self._size * self._size
        self._left = recipients[whole:]
        return [recipients[start : start + self._size] for start in range(0, whole, self._size)]

    def _add(self, recipient: Recipient) -> Collection[Recipient] | None:
        """Adds one recipient; returns a chunk if one is now complete."""
        closed = None
        for chunk in self._open:
            if recipient.phone not in chunk:
                break
        else:
            if len(self._open) == MAX_OPEN_CHUNKS:
                closed = self._open.pop(0).values()
            chunk = {}
            self._open.append(chunk)
        chunk[recipient.phone] = recipient
        if len(chunk) < self._size:
            return closed
        self._open.remove(chunk)
        return chunk.values()

    def rest(self) -> list[RecipientBatch]:
        """Returns the recipients that are left as the last chunks."""
        chunks = [RecipientBatch.of(chunk.values()) for chunk in self._open] + ([self._left] if self._left else [])
        self._open, self._left = [], self._left[:0]
        return chunks


def by_template_and_sender(recipients: RecipientBatch) -> list[TaskContent]:
    """The recipients of one request in groups with one template and one sender each, in order of first appearance."""
    if not recipients:
        return []
    templates, senders = (recipients.column(name).dictionary_encode() for name in ("template_id", "sender_id"))
    kinds = numbers_of(templates.indices) * len(senders.dictionary) + numbers_of(senders.indices)
    found, first, sizes = np.unique(kinds, return_index=True, return_counts=True)
    by_appearance = np.argsort(first)
    position_of = np.empty_like(by_appearance)
    position_of[by_appearance] = np.arange(len(found))
    in_groups = recipients.take(np.argsort(position_of[np.searchsorted(found, kinds)], kind="stable"))
    ends = np.cumsum(sizes[by_appearance]).tolist()
    named = [divmod(kind, len(senders.dictionary)) for kind in found[by_appearance].tolist()]
    return [
        TaskContent(templates.dictionary[template].as_py(), senders.dictionary[sender].as_py(), in_groups[start:end])
        for (template, sender), start, end in zip(named, [0, *ends], ends, strict=False)
    ]
