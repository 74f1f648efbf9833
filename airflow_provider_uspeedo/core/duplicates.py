# SPDX-License-Identifier: Apache-2.0
"""Decides which of several rows of one recipient counts: the first."""

from __future__ import annotations

from typing import Any

import numpy as np

from airflow_provider_uspeedo.core.arrays import key_cells, numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch


def without_duplicates(recipients: RecipientBatch, bad: BadRows) -> tuple[RecipientBatch, BadRows]:
    """Each recipient once, at its first row; the other rows become duplicates, among the bad rows."""
    if recipients.differ_in("key"):
        return recipients, bad
    first = first_of_each(key_cells(recipients.column("key")))
    again = first != np.arange(len(first))
    duplicates = BadRows.duplicates(recipients.only(again), numbers_of(recipients.column("row_number"))[first[again]])
    return recipients.only(~again), BadRows.joined([bad, duplicates])


def first_of_each(keys: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """For each place the first place that holds the same key.

    :param keys: cells of 16 bytes; see :func:`.arrays.key_cells`.
    """
    halves = keys.view("u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    ordered = halves[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    first = np.empty(len(order), np.int64)
    # lexsort is stable: of equal keys the first place comes first.
    first[order] = order[begins][np.cumsum(begins) - 1]
    return first
