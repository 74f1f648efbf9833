# SPDX-License-Identifier: Apache-2.0
"""Cuts recipients into requests: at most 1000 in each, no phone twice in one, and no two user ids that look alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.content import TaskContent
from airflow_provider_uspeedo.core.marks import variants
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch

MAX_RECIPIENTS_PER_REQUEST = 1000
"""The vendor's limit of phones in one request, over all groups."""


def cut(recipients: RecipientBatch, size: int = MAX_RECIPIENTS_PER_REQUEST) -> list[RecipientBatch]:
    """Cuts recipients into chunks, in order.

    Two with the same phone (and different keys) are never in one chunk, nor are two whose user ids differ only in what
    an echo may lose; see :mod:`.marks`.

    :param size: recipients in a full chunk, 1 to 1000.
    """
    layers = [layer for alike in _by_variant(recipients) for layer in _by_occurrence(alike)]
    return [layer[start : start + size] for layer in layers for start in range(0, len(layer), size)]


def _by_variant(recipients: RecipientBatch) -> list[RecipientBatch]:
    """Those with the first spelling of each user id, then those with the second, and so on."""
    found = variants(recipients.column("user_id"))
    return [recipients] if found is None else _divided(recipients, found)


def _by_occurrence(recipients: RecipientBatch) -> list[RecipientBatch]:
    """The first recipient of each phone, then the second of each that has one, and so on."""
    if recipients.differ_in("phone"):
        return [recipients]
    phones = numbers_of(recipients.column("phone").dictionary_encode().indices)
    order = np.argsort(phones, kind="stable")
    ordered = phones[order]
    places = np.arange(len(ordered))
    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    occurrence = np.empty(len(ordered), np.int64)
    occurrence[order] = places - np.maximum.accumulate(np.where(begins, places, 0))
    return _divided(recipients, occurrence)


def _divided(recipients: RecipientBatch, part: np.ndarray[Any, Any]) -> list[RecipientBatch]:
    """The recipients of part 0, of part 1, and so on, each in order."""
    by_part = np.argsort(part, kind="stable")
    ends = np.cumsum(np.bincount(part)).tolist()
    return [recipients.take(by_part[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


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
