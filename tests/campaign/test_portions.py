# SPDX-License-Identifier: Apache-2.0
"""A table as portions to claim: every row is told once, and the first of a person counts, however it is cut."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_uspeedo.campaign import table_reader
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.table_reader import Reading
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.tables import open_table


@settings(deadline=None)
@given(
    numbers=st.lists(st.integers(0, 7), min_size=1, max_size=16),
    shared=st.booleans(),
    size=st.integers(1, 4),
    read_rows=st.integers(1, 4),
    batch_rows=st.integers(1, 9),
)
def test_a_person_is_once_in_a_portion(
    numbers: list[int], shared: bool, size: int, read_rows: int, batch_rows: int
) -> None:
    """Also one whose first row waits in an open chunk of the portion before; with phones shared by two people, too."""
    table = [{"id": str(n), "phone": f"+8525500000{n // 2 if shared else n}"} for n in numbers]
    config = CampaignConfig("campaign", Columns("phone", keys=("id",)), template_id="T", chunk_size=size)
    told: list[int] = []
    sent: list[str] = []
    with patch.object(table_reader, "READ_ROWS", read_rows), patch.object(table_reader, "BATCH_ROWS", batch_rows):
        for portion in Reading(open_table(table), config).portions():
            people = [one for request in portion.requests for one in request.recipients]
            assert len({one.key for one in people}) == len(people)
            assert portion.read_to <= len(numbers)
            for one in people:  # whoever was in an earlier portion is left for the ledger to find
                who = str(numbers[one.row_number - 1])
                assert who in sent or one.row_number == numbers.index(int(who)) + 1
                sent.append(who)
            told += [row.row_number for row in (*people, *portion.bad_rows, *portion.seen)]
    assert sorted(told) == list(range(1, len(numbers) + 1))
