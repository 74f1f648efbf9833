# SPDX-License-Identifier: Apache-2.0
"""What a claim holds in memory does not grow with the ledger: on SQLite, whose memory is that of the worker."""

from __future__ import annotations

import _sqlite3
import ctypes
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.ledger.acting import Try, people

pytestmark = pytest.mark.slow

EARLIER, CLAIMED = 1_500_000, 20_000
MEGABYTES = 16
"""Staged rows are 5, the cache of pages is 2; the pages that the claim changes are 40."""


def memory_highwater() -> int:
    """Bytes that SQLite has held at most since the last question."""
    library = ctypes.CDLL(_sqlite3.__file__)
    if not hasattr(library, "sqlite3_memory_highwater"):
        pytest.skip("this Python hides the functions of its SQLite library")
    library.sqlite3_memory_highwater.restype = ctypes.c_int64
    return int(library.sqlite3_memory_highwater(1))


def test_a_claim_in_a_large_campaign_holds_no_more_than_its_rows(tmp_path: Path) -> None:
    """Its random keys change nearly all pages of the index, and SQLite keeps them as they were until it is through."""
    ledger = Ledger(open_engine(f"sqlite:///{tmp_path}/ledger.db"))
    ledger.prepare()
    one = Try(ledger, "c")
    one.claim(people(["a"]))
    table = ledger.tables.recipients
    others = ", ".join(f'"{column.name}"' for column in table.c if column.name != "key")
    with ledger.database.engine.connect() as connection:
        connection.exec_driver_sql(
            "WITH RECURSIVE each(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM each WHERE number < ?) "
            f'INSERT INTO "{table.name}" ("key", {others}) SELECT randomblob(16), {others} FROM "{table.name}", each',
            (EARLIER,),
        )
        connection.commit()
        assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == EARLIER + 1
    rows = people([str(number) for number in range(CLAIMED)], first_row=2)
    memory_highwater()
    one.claim(rows)
    assert memory_highwater() < MEGABYTES * 2**20
    ledger.close()
