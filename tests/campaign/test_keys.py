# SPDX-License-Identifier: Apache-2.0
"""What makes a recipient one recipient is the caller's to say, and may not change within a campaign."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError
from tests.campaign.stage import Scene, make_order, people

BY_ID = Columns("phone", ("name",), keys=("id",))


def test_one_phone_under_two_keys_is_texted_twice_and_never_in_one_request(scene: Scene) -> None:
    """Two invoices of one person are two messages; in one request the API could not tell them apart."""
    table = [{"phone": "+85255000001", "name": str(n), "id": n} for n in range(4)] + [
        {"phone": f"+8525500010{n}", "name": "x", "id": 100 + n} for n in range(4)
    ]
    report = scene.run(table, make_order(BY_ID))
    assert set(scene.statuses()) == {"accepted"}
    assert report.summary.accepted_now == 8
    journal = scene.journal()
    assert Counter(entry.phone for entry in journal)["(852)55000001"] == 4
    in_requests = Counter((entry.request_id, entry.phone) for entry in journal)
    assert set(in_requests.values()) == {1}
    assert scene.run(table, make_order(BY_ID)).summary.requests == 0


def test_two_phones_under_one_key_are_one_recipient(scene: Scene) -> None:
    """The first row is texted."""
    scene.run([{"phone": row["phone"], "name": "x", "id": 7} for row in people(3)], make_order(BY_ID))
    assert scene.statuses() == ["accepted", "duplicate", "duplicate"]


def test_a_phone_that_was_corrected_between_two_tries_is_the_one_in_the_results(scene: Scene) -> None:
    """Who was not sent yet is texted at the new number, and the results say which number that was."""
    scene.sandbox.fault("ret_code", code=18013)
    assert scene.run([{"phone": "+85255000001", "name": "x", "id": 7}], make_order(BY_ID), ask=False).cause is not None
    scene.run([{"phone": "+85255000002", "name": "x", "id": 7}], make_order(BY_ID))
    assert list(scene.texted()) == ["(852)55000002"]
    assert [(line.phone, line.status) for line in scene.lines()] == [("(852)55000002", "accepted")]


@pytest.mark.parametrize("ids", [[1, 2], [1.0, 2.0], ["1", "2"], [Decimal("1.00"), Decimal(2)], ["2", "1"]], ids=str)
def test_a_key_is_the_same_whatever_type_the_warehouse_gives_it(scene: Scene, ids: list[Any]) -> None:
    """``1``, ``1.0`` and ``"1"`` are one recipient: a schema that drifts overnight texts nobody again."""
    phone, name = ["+85255000001", "+85255000002"], ["Ann", "Ben"]
    scene.run(pa.table({"phone": phone, "name": name, "id": pa.array([1, 2], pa.int32())}), make_order(BY_ID))
    again = scene.run(pa.table({"phone": phone, "name": name, "id": ids}), make_order(BY_ID))
    assert (again.summary.requests, again.summary["accepted"]) == (0, 2)


TWELVE_AND_A_HALF = pa.array([Decimal("12.50")], pa.decimal128(18, 2))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (TWELVE_AND_A_HALF, ["12.50"]),
        (TWELVE_AND_A_HALF, ["12.5000"]),
        ([1001.0], ["1001.0"]),
        ([1001], ["1001.000000000"]),
        ([1001], ["01001"]),
        ([1e16], ["1e+16"]),
        ([1e-07], ["1e-07"]),
        ([None], ["7"]),
    ],
    ids=str,
)
def test_texts_are_read_as_the_numbers_with_which_a_campaign_began(scene: Scene, before: Any, now: Any) -> None:
    """A CSV file writes ``12.50`` and ``1001.0`` where Parquet had numbers: nobody is texted again."""
    columns = {"phone": ["+85255000001"], "name": ["Ann"]}
    scene.run(pa.table({**columns, "id": before}), make_order(BY_ID))
    for again in (now, before, now):
        scene.run(pa.table({**columns, "id": again}), make_order(BY_ID))
    assert list(scene.texted().values()) == [1]


@pytest.mark.parametrize(
    ("before", "now", "what"),
    [
        ("12.50", TWELVE_AND_A_HALF, "numbers with a fraction"),
        ("12.50", [12.5], "numbers with a fraction"),
        ("0042", [42], "whole numbers"),
    ],
    ids=str,
)
def test_a_campaign_that_began_with_texts_takes_no_numbers(scene: Scene, before: str, now: Any, what: str) -> None:
    """Whether the text was ``12.5`` or ``12.50``, ``42`` or ``0042``, a number does not say."""
    columns = {"phone": ["+85255000001"], "name": ["Ann"]}
    scene.run(pa.table({**columns, "id": [before]}), make_order(BY_ID))
    with pytest.raises(ConfigurationError, match=rf"'id' \(text\) before and by 'id' \({what}\) now"):
        scene.run(pa.table({**columns, "id": now}), make_order(BY_ID))
    assert list(scene.texted().values()) == [1]


def test_texts_that_differ_are_two_recipients_also_where_they_spell_one_number(scene: Scene) -> None:
    """Flats 1.1 and 1.10 are no numbers."""
    table = [{**row, "id": key} for row, key in zip(people(3), ["1.1", "1.10", "01.1"], strict=True)]
    scene.run(table, make_order(BY_ID))
    assert scene.statuses() == ["accepted"] * 3


def test_texts_and_fractions_in_one_key_column_are_refused(scene: Scene) -> None:
    """One value would be two keys, and two texts."""
    table = [{**row, "id": key} for row, key in zip(people(2), [12.5, "12.50"], strict=True)]
    with pytest.raises(ConfigurationError, match=r"values of different types \(text, numbers with a fraction\)"):
        scene.run(table, make_order(BY_ID))
    assert not scene.texted()


def test_a_key_column_that_changes_its_zone_sends_nothing_again(scene: Scene) -> None:
    """A clock without a zone is another type; a moment is one key in every zone."""

    def due(zone: str | None) -> pa.Table:
        moments = pa.array([1_795_357_800_000_000], pa.int64()).cast(pa.timestamp("us", zone))
        return pa.table({"phone": ["+85255000001"], "name": ["Ann"], "due": moments})

    by_due = make_order(Columns("phone", ("name",), keys=("due",)))
    scene.run(due("UTC"), by_due)
    for zone in ("Europe/Berlin", "+08:00"):
        assert scene.run(due(zone), by_due).summary.requests == 0
    with pytest.raises(
        ConfigurationError, match=r"'due' \(timestamp with zone\) before and by 'due' \(timestamp\) now"
    ):
        scene.run(due(None), by_due)
    assert len(scene.texted()) == 1
    assert len(scene.journal()) == 1


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "other columns": ({"columns": Columns("phone", ("name",), keys=("name",))}, "by 'id' before and by 'name' now"),
    "more columns": (
        {"columns": Columns("phone", ("name",), keys=("id", "name"))},
        "by 'id' before and by 'id', 'name'",
    ),
    "the phone": ({"columns": Columns("phone", ("name",))}, "by 'id' before and by the phone now"),
    "another type": ({"columns": BY_ID, "id": pa.array([True])}, "by 'id' (text) before and by 'id' (boolean) now"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_campaign_whose_keys_would_be_others_is_refused_before_anything_is_sent(scene: Scene, other: str) -> None:
    """Every key would be new to the ledger, and every person with it."""
    changes, difference = OTHERS[other]
    table = pa.table({"phone": ["+85255000001"], "name": ["Ann"], "id": ["7"]})
    scene.run(table, make_order(BY_ID))
    before = scene.texted()
    if "id" in changes:
        table = table.set_column(2, "id", changes["id"])
    with pytest.raises(ConfigurationError) as raised:
        scene.run(table, make_order(changes["columns"]))
    assert difference in str(raised.value)
    assert "text everyone again" in str(raised.value)
    assert scene.texted() == before


def test_another_default_region_is_another_key_where_the_phone_is_the_key(scene: Scene) -> None:
    """Bare numbers would be read as other people's."""
    scene.run(people(2), make_order(default_region="HK"))
    with pytest.raises(
        ConfigurationError, match="default_region='HK' before and by the phone with default_region='SG'"
    ):
        scene.run(people(2), make_order(default_region="SG"))
    with pytest.raises(ConfigurationError, match="default_region=None now"):
        scene.run(people(2))
    assert scene.run(people(2), make_order(default_region="hk")).summary["accepted"] == 2


def test_another_default_region_does_not_matter_where_columns_are_the_key(scene: Scene) -> None:
    """The key is made of the columns alone."""
    table = [{**row, "id": row["name"]} for row in people(2)]
    scene.run(table, make_order(BY_ID, default_region="HK"))
    assert scene.run(table, make_order(BY_ID, default_region="SG")).summary.requests == 0
