# SPDX-License-Identifier: Apache-2.0
"""Whose clock counts for a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from airflow_provider_uspeedo.core.arrays import column_of_texts
from airflow_provider_uspeedo.core.columns import Columns
from airflow_provider_uspeedo.core.keys import KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.rows import RowReader
from airflow_provider_uspeedo.core.zone_keys import UNREADABLE, zone_keys, zones_of
from airflow_provider_uspeedo.tables import open_table

PHONES = ["(852)55311111", "(1)4165550123", "(64)211234567", "(870)773111632", ""]


def test_the_country_of_the_phone_decides_without_a_column() -> None:
    keys = zone_keys(column_of_texts(PHONES), None).to_pylist()
    assert keys == ["country HK", "country CA", "country NZ", "country 001", "country "]
    assert [len(zones_of(key)) > 0 for key in keys] == [True, True, True, False, False]


def test_a_country_is_not_a_zone_of_the_same_name() -> None:
    """The database has a zone NZ, without the Chatham Islands."""
    assert zones_of("country NZ") == ("Pacific/Auckland", "Pacific/Chatham")
    assert zones_of("NZ") == ("NZ",)


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (" Asia/Tokyo\n", "Asia/Tokyo"),
        (None, "country HK"),
        ("", "country HK"),
        ("  ", "country HK"),
        ("Tokyo", UNREADABLE),
        ("country HK", UNREADABLE),
        ("unreadable", UNREADABLE),
        (object(), UNREADABLE),
    ],
)
def test_a_cell_names_a_zone_or_leaves_it_to_the_country_or_neither(cell: Any, key: str) -> None:
    """What a cell holds that is no name of a zone is never taken for one."""
    found = zone_keys(column_of_texts(PHONES[:1]), ([cell], np.array([0])))
    assert found.to_pylist() == [key]


def test_each_row_has_its_own() -> None:
    cells = ["Asia/Tokyo", None, "x"]
    found = zone_keys(column_of_texts(PHONES[:4]), (cells, np.array([1, 0, 2, 1])))
    assert found.to_pylist() == ["country HK", "Asia/Tokyo", UNREADABLE, "country 001"]


def recipients_of(rows: list[dict[str, Any]], *, with_zones: bool) -> RecipientBatch:
    columns = Columns("phone", time_zone="zone")
    reader = RowReader(
        columns,
        template_id="T",
        sender_id="",
        phones=PhoneReader(None),
        keys=KeyMaker(KeySpec(columns=None, kinds=(), default_region=None)),
        with_zones=with_zones,
    )
    good, bad = reader.read(next(open_table(rows).batches(columns.texts())))
    assert bad == []
    return good


def test_recipients_keep_it_on_their_way() -> None:
    """Cut, joined and taken one by one; where there are no hours it is empty and costs next to nothing."""
    rows = [{"phone": "+85255311111", "zone": "Asia/Tokyo"}, {"phone": "+85255311112", "zone": ""}] * 3
    read = recipients_of(rows, with_zones=True)
    assert [one.time_zone for one in RecipientBatch.joined([read[3:], read[:3]])] == ["country HK", "Asia/Tokyo"] * 3
    assert RecipientBatch.of(list(read)) == read
    assert {one.time_zone for one in recipients_of(rows, with_zones=False)} == {""}
