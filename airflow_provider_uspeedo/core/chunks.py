# SPDX-License-Identifier: Apache-2.0
"""Cuts recipients into requests: at most 1000 in each, and no phone twice in one."""

from __future__ import annotations

import numpy as np

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.content import TaskContent
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch

MAX_RECIPIENTS_PER_REQUEST = 1000
"""The vendor's limit of numbers in one request, over all groups."""


def cut(recipients: RecipientBatch, size: int = MAX_RECIPIENTS_PER_REQUEST) -> list[RecipientBatch]:
    """Cuts recipients into chunks, in order; two that share a phone (under two keys) never share a chunk.

    :param size: recipients in a full chunk, 1 to 1000.
    """
    layers = [recipients] if recipients.differ_in("phone") else _layers(recipients)
    return [layer[start : start + size] for layer in layers for start in range(0, len(layer), size)]


def _layers(recipients: RecipientBatch) -> list[RecipientBatch]:
    """The first recipient of each phone, then the second of each that has one, and so on."""
    phones = numbers_of(recipients.column("phone").dictionary_encode().indices)
    order = np.argsort(phones, kind="stable")
    ordered = phones[order]
    places = np.arange(len(ordered))
    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    occurrence = np.empty(len(ordered), np.int64)
    occurrence[order] = places - np.maximum.accumulate(np.where(begins, places, 0))
    by_layer = np.argsort(occurrence, kind="stable")
    ends = np.cumsum(np.bincount(occurrence)).tolist()
    return [recipients.take(by_layer[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


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
