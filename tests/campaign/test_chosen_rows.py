# SPDX-License-Identifier: Apache-2.0
"""Of the rows of one recipient the one with the smallest digest is sent, in memory and by way of a file."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.campaign import chosen_rows
from airflow_provider_uspeedo.campaign.chosen_rows import RECORD, RowChoice
from airflow_provider_uspeedo.errors import SourceUnavailable

SMALL = st.integers(0, 3)
ROWS = st.lists(st.tuples(SMALL, SMALL, SMALL, SMALL), max_size=40)


def chosen_by_hand(rows: list[tuple[int, int, int, int]]) -> dict[int, int]:
    """The number of each row and of the row that is sent for its recipient."""
    best: dict[tuple[int, int], tuple[tuple[int, int], int]] = {}
    for number, (high, low, first, second) in enumerate(rows, 1):
        found = ((first, second), number)
        best[high, low] = min(best.get((high, low), found), found)
    return {number: best[row[0], row[1]][1] for number, row in enumerate(rows, 1)}


@pytest.mark.parametrize("in_memory", [0, 5, 100])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, cut=st.integers(1, 10))
def test_each_recipient_has_one_row_and_the_others_know_it(
    rows: list[tuple[int, int, int, int]], cut: int, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of the rows is in the file."""
    monkeypatch.setattr(chosen_rows, "ROWS_IN_MEMORY", in_memory)
    records = np.zeros(len(rows), RECORD)
    for place, (high, low, first, second) in enumerate(rows):
        records[place] = ((high, low), (first, second), place + 1, 0, 0, 0)
    found: dict[int, int] = {}
    with closing(RowChoice()) as choice:
        for start in range(0, len(rows), cut):
            choice.add(records[start : start + cut])
        for chosen, lost, instead in choice.chosen():
            found |= {row: row for row in chosen["row"].tolist()}
            found |= dict(zip(lost["row"].tolist(), instead.tolist(), strict=True))
    assert found == chosen_by_hand(rows)


def test_a_full_disk_is_reported_and_may_be_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """``/dev/full`` is one."""
    monkeypatch.setattr(chosen_rows, "ROWS_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda mode, prefix: Path("/dev/full").open(mode))  # noqa: SIM115
    with pytest.raises(SourceUnavailable, match="No space left on device"), closing(RowChoice()) as choice:
        choice.add(np.zeros(1, RECORD))
