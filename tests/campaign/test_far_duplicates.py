# SPDX-License-Identifier: Apache-2.0
"""Second rows of a recipient whose first row a rule excludes, near to it and in a later portion of the table.

Only what is claimed is known to a later portion: a second row there is judged by itself. The recipient gets one text.
"""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.exit_policy import utc_text
from airflow_provider_uspeedo.core.rows import Columns
from tests.campaign.stage import Scene, make_order, people, phones
from tests.campaign.test_hours import HOUR, NOW, WEST, around, rows
from tests.campaign.test_policy import prepared


@pytest.mark.parametrize(
    ("portion_rows", "second"), [(1000, "duplicate"), (4, "not_sent")], ids=["near", "in another portion"]
)
def test_a_second_row_of_one_who_waits_is_sent_once(scene: Scene, portion_rows: int, second: str) -> None:
    """When the window opens, the first row is sent, and the second is its duplicate wherever it is."""
    table = rows(WEST, *["UTC"] * 8, WEST, "UTC")
    table[9]["phone"] = table[0]["phone"]
    scene.sizes = {"portion_rows": portion_rows, "batch_rows": 2}
    scene.check(scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR))), 11)
    assert scene.statuses() == ["not_sent", *["accepted"] * 8, second, "accepted"]
    scene.check(scene.run(table, make_order()), 11)
    assert scene.statuses() == [*["accepted"] * 9, "duplicate", "accepted"]
    assert scene.texted() == Counter(phones([*table[:9], table[10]]))


def test_a_second_row_with_another_zone_in_another_portion_is_sent_once(scene: Scene) -> None:
    """The zone of its own row counts there; the row that waits is not sent afterwards."""
    table = rows(WEST, *["UTC"] * 10)
    table[9]["phone"] = table[0]["phone"]
    scene.sizes = {"portion_rows": 4, "batch_rows": 2}
    for _ in range(2):
        scene.check(scene.run(table, make_order(rules=around(2 * HOUR, 2 * HOUR))), 11)
    assert scene.texted() == Counter(phones([*table[:9], table[10]]))
    assert scene.statuses() == [*["accepted"] * 9, "duplicate", "accepted"]


@pytest.mark.parametrize(
    ("portion_rows", "third"), [(1000, "duplicate"), (2, "accepted")], ids=["near", "in another portion"]
)
def test_of_a_person_whose_first_phone_is_on_the_ledgers_list_one_phone_is_texted_at_most(
    scene: Scene, portion_rows: int, third: str
) -> None:
    """Where other columns than the phone say who is who; never the phone on the list, and nobody twice."""
    table = [{"id": "one", **people(1)[0]}, {"id": "two", **people(4)[3]}]
    table += [{"id": "one", **people(2)[1]}, {"id": "one", **people(3)[2]}]
    prepared(scene, *phones(table[:1]))
    scene.sizes = {"portion_rows": portion_rows, "batch_rows": 1}
    config = make_order(columns=Columns("phone", ("name",), keys=("id",)))
    scene.check(scene.run(table, config), 4)
    assert scene.statuses() == ["suppressed", "accepted", third, "duplicate"]
    scene.check(scene.run(table, config), 4)
    texted = scene.texted()
    assert phones(table[:1])[0] not in texted
    assert set(texted.values()) == {1}


def test_a_dry_run_says_that_the_last_moment_has_passed(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """In the words of the rows, and nobody would be sent to."""
    with caplog.at_level("INFO"):
        found = scene.dry_run(people(5), make_order(rules=ContactRules(not_after=NOW - HOUR)))
    assert {status: rows for status, rows in found.counts.items() if rows} == {"not_sent": 5}
    assert f"5 recipients: not_sent if sent now, not after: {utc_text(NOW - HOUR)} has passed." in caplog.text
    assert scene.texted() == Counter()
