# SPDX-License-Identifier: Apache-2.0
"""Keys that are looked up by statements of a few fixed texts, whatever their number."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store import bulk
from airflow_provider_uspeedo.ledger.store.bulk import LOOKED_UP, look_up
from tests.ledger.acting import Try, people


@pytest.mark.parametrize("number", [0, 1, 2, 3, 16, 17, 129, 1000, 1003])
def test_all_keys_are_found_and_no_other(ledger: Ledger, campaign: str, number: int) -> None:
    """Also where the last key stands several times, since there is no text for so few."""
    one = Try(ledger, campaign)
    (request,) = one.claim(people([f"{number} {n}" for n in range(number + 5)]), size=2000)
    r = ledger.tables.recipients.c
    here = sa.bindparam("campaign")

    def query(keys: object) -> sa.Select:
        return sa.select(r.key).where(r.key.in_(keys), r.campaign_no == here)

    keys, texts = request.recipients.keys(), set()
    event.listen(ledger.database.engine, "before_cursor_execute", lambda _c, _k, text, *_: texts.add(text))
    found = ledger.database.read(lambda c: look_up(c, query, sorted(keys[:number]), one.attempt.campaign_no))
    assert sorted(bytes(key) for (key,) in found) == sorted(keys[:number])
    assert sum("uspeedo_recipients" in text for text in texts) <= len(LOOKED_UP)


def test_a_query_whose_keys_are_not_its_first_values_is_refused(ledger: Ledger) -> None:
    """The driver gets the values by their places."""
    r = ledger.tables.recipients.c

    def query(keys: object) -> sa.Select:
        return sa.select(r.key).where(r.campaign_no == sa.bindparam("campaign"), r.key.in_(keys))

    with pytest.raises(AssertionError, match="first values"):
        ledger.database.read(lambda connection: bulk.look_up(connection, query, [b"k" * 16], 1))
