# SPDX-License-Identifier: Apache-2.0
"""A table as portions to claim: every row is in one of them, and a recipient's first row counts, however it is cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.tables import open_table


@settings(deadline=None)
@given(
    numbers=st.lists(st.integers(0, 7), min_size=1, max_size=16),
    shared=st.booleans(),
    size=st.integers(1, 4),
    canary=st.none() | st.integers(1, 5),
    batch_rows=st.integers(1, 4),
    portion_rows=st.integers(1, 9),
    taken=st.sets(st.integers(0, 7)),
)
def test_portions_hold_every_row_once_and_in_order(
    numbers: list[int],
    shared: bool,
    size: int,
    canary: int | None,
    batch_rows: int,
    portion_rows: int,
    taken: set[int],
) -> None:
    """Also with phones that two recipients share, a canary, and recipients that cannot be claimed."""
    table = [{"id": str(n), "phone": f"+8525500000{n // 2 if shared else n}"} for n in numbers]
    config = CampaignConfig("campaign", Columns("phone", keys=("id",)), template_id="T", chunk_size=size, canary=canary)
    reader = TableReader(open_table(table), config, batch_rows=batch_rows, portion_rows=portion_rows)

    def unavailable(recipients: RecipientBatch) -> np.ndarray:
        return np.array([numbers[one.row_number - 1] in taken for one in recipients], bool)

    read_to, sent = 0, list[int]()
    for portion in reader.portions(unavailable if taken else None):
        recipients = [one for request in portion.requests for one in request.recipients]
        assert all(len(request.recipients) <= size for request in portion.requests)
        assert all(request.recipients.differ_in("phone") for request in portion.requests)
        assert len({one.key for one in recipients}) == len(recipients)
        rows = [row.row_number for row in (*recipients, *portion.known, *portion.bad_rows)]
        assert sorted(rows) == list(range(read_to + 1, portion.read_to + 1))
        read_to = portion.read_to
        for one in recipients:  # one of an earlier portion is left for the ledger to find
            number = numbers[one.row_number - 1]
            assert number not in taken
            assert number in sent or one.row_number == numbers.index(number) + 1
            sent.append(number)
    assert read_to == len(numbers)
    assert set(sent) == set(numbers) - taken


def test_requests_are_full_but_for_the_last_one() -> None:
    """Wherever the portions end, and with rows between that are not sent."""
    table = [{"phone": "nobody" if n % 5 == 4 else f"+852550{n:05}"} for n in range(100)]
    config = CampaignConfig("campaign", Columns("phone"), template_id="T", chunk_size=7)
    reader = TableReader(open_table(table), config, batch_rows=4, portion_rows=23)
    sizes = [len(request.recipients) for portion in reader.portions() for request in portion.requests]
    assert sizes == [7] * 11 + [3]
