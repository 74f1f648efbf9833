# SPDX-License-Identifier: Apache-2.0
"""Digits without a country code reach the person who is meant, or nobody."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest

from airflow_provider_uspeedo.core.numbering_plans import METADATA_VERSION, NumberingPlan
from airflow_provider_uspeedo.errors import ConfigurationError, NotSent
from tests.campaign.stage import Line, Scene, make_order

HONG_KONG = 85255311111


def rows(*phones: Any) -> list[dict[str, Any]]:
    return [{"phone": phone, "name": f"N{number}"} for number, phone in enumerate(phones)]


def of_the_table(scene: Scene) -> list[Line]:
    """The rows of the last reading, without recipients that are in it no longer."""
    return [line for line in scene.lines() if line.row_number is not None]


def statuses(scene: Scene) -> list[str]:
    return [line.status for line in of_the_table(scene)]


def reasons(scene: Scene) -> list[str]:
    return [line.reason or "" for line in of_the_table(scene)]


@pytest.mark.parametrize("region", ["CN", "DE", "BR", "SG"])
@pytest.mark.parametrize("phone", [HONG_KONG, float(HONG_KONG), str(HONG_KONG), f"{HONG_KONG}.0"])
def test_an_international_number_without_plus_is_no_number_of_the_region(scene: Scene, region: str, phone: Any) -> None:
    """The number of a stranger in the default region is never sent to; the reason names both countries and no phone."""
    scene.run(rows(phone, "+85255322222"), make_order(default_region=region))
    assert statuses(scene) == ["invalid", "accepted"]
    assert "HK (+852)" in reasons(scene)[0]
    assert f"{region} (+" in reasons(scene)[0]
    assert "bare_digits" in reasons(scene)[0]
    assert "5531" not in reasons(scene)[0]


@pytest.mark.parametrize(
    ("table", "region", "way", "sent"),
    [
        (rows(HONG_KONG), "DE", "international", "(852)55311111"),
        (rows(float(HONG_KONG)), "CN", "international", "(852)55311111"),
        (rows(HONG_KONG), None, "international", "(852)55311111"),
        (rows(HONG_KONG), "DE", "national", "(49)85255311111"),
        (rows(13800138000), "CN", None, "(86)13800138000"),
        (rows(13800138000), "CN", "international", "(86)13800138000"),
        (rows("0151 23456789"), "DE", "international", "(49)15123456789"),
    ],
)
def test_the_argument_says_which_of_two_readings_is_meant(
    scene: Scene, table: Any, region: str | None, way: str | None, sent: str
) -> None:
    """A valid national number stays one; what is open is read as the argument says."""
    scene.run(table, make_order(default_region=region, bare_digits=way))
    assert dict(scene.texted()) == {sent: 1}


@pytest.mark.parametrize("way", ["both", "+", "nationale"])
def test_another_way_is_refused_by_the_argument_s_name(way: str) -> None:
    """A typing error must not decide who is texted."""
    with pytest.raises(ConfigurationError, match="bare_digits must be"):
        make_order(default_region="HK", bare_digits=way)


def test_national_digits_need_a_country() -> None:
    """Without a region there is no country that the digits could be national in."""
    with pytest.raises(ConfigurationError, match="needs a default_region"):
        make_order(bare_digits="national")


@pytest.mark.parametrize("now", ["national", None])
def test_a_campaign_is_not_read_in_another_way(scene: Scene, now: str | None) -> None:
    """It would send to other people in the same campaign."""
    scene.run(rows(HONG_KONG), make_order(default_region="DE", bare_digits="international"))
    with pytest.raises(ConfigurationError, match="bare_digits"):
        scene.run(rows(HONG_KONG), make_order(default_region="DE", bare_digits=now))
    assert dict(scene.texted()) == {"(852)55311111": 1}


def forget_the_rules(scene: Scene) -> None:
    """Makes the ledger that of a version which knew one way only."""
    with closing(sqlite3.connect(scene.file)) as ledger, ledger:
        old = '{"columns":null,"default_region":"DE","kinds":[],"version":1}'
        ledger.execute("UPDATE uspeedo_campaigns SET key_spec = ?, phone_metadata = NULL", (old,))


@pytest.mark.parametrize("way", ["national", None])
def test_a_campaign_begun_before_keeps_its_reading(scene: Scene, way: str | None) -> None:
    """Its recipients keep their keys: nobody is sent to again, and new rows are read as the old ones were."""
    scene.run(rows(HONG_KONG), make_order(default_region="DE", bare_digits="national"))
    forget_the_rules(scene)
    again = make_order(default_region="DE", bare_digits=way)
    scene.run(rows(HONG_KONG, 85255322222), again)
    assert statuses(scene) == ["accepted", "accepted"]
    assert dict(scene.texted()) == {"(49)85255311111": 1, "(49)85255322222": 1}
    assert scene.dry_run(rows(HONG_KONG, 85255322222), again)["accepted"] == 2


def test_a_campaign_begun_before_is_not_read_internationally(scene: Scene) -> None:
    """That would be another number for each of its rows."""
    scene.run(rows(HONG_KONG), make_order(default_region="DE", bare_digits="national"))
    forget_the_rules(scene)
    with pytest.raises(ConfigurationError, match="bare_digits='international' now"):
        scene.run(rows(HONG_KONG), make_order(default_region="DE", bare_digits="international"))


def test_a_row_whose_other_reading_is_a_recipient_is_not_sent(scene: Scene) -> None:
    """The column was text with a plus and becomes a number: the same row is never sent to two people."""
    order = make_order(default_region="DE", bare_digits="national")
    scene.run(rows("+85255311111"), order)
    scene.run(rows(HONG_KONG, "+4915123456789"), order)
    assert statuses(scene) == ["invalid", "accepted"]
    assert "recipient of this campaign already" in reasons(scene)[0]
    assert dict(scene.texted()) == {"(852)55311111": 1, "(49)15123456789": 1}
    assert scene.dry_run(rows(HONG_KONG), order)["invalid"] == 1


@pytest.mark.parametrize("portion_rows", [2, 65_000])
def test_two_readings_in_one_table_are_not_both_sent_to(scene: Scene, portion_rows: int) -> None:
    """Also in the first attempt, in one portion or in two."""
    scene.sizes = {"portion_rows": portion_rows, "batch_rows": 2}
    order = make_order(default_region="DE", bare_digits="national")
    scene.run(rows("+85255311111", "+85255322222", HONG_KONG, "85255333333"), order)
    assert statuses(scene) == ["accepted", "accepted", "invalid", "accepted"]


def test_what_was_sent_keeps_its_status_though_its_other_reading_follows(scene: Scene) -> None:
    """The row's own number counts first."""
    order = make_order(default_region="DE", bare_digits="national")
    scene.run(rows(HONG_KONG), order)
    scene.run(rows("+85255311111", HONG_KONG), order)
    assert statuses(scene) == ["accepted", "accepted"]
    assert set(scene.texted().values()) == {1}


def test_a_number_that_was_claimed_and_never_sent_to_does_not_outdo_the_other_reading(scene: Scene) -> None:
    """The row was corrected after an attempt that sent nothing, and comes back as it was: it was sent to once."""

    def send(_content: Any) -> Any:
        raise NotSent("No connection.")

    order = make_order(default_region="DE", bare_digits="national")
    scene.run_with(send, rows(HONG_KONG), order)
    scene.run(rows("+85255311111"), order)
    assert scene.dry_run(rows(HONG_KONG), order)["invalid"] == 1
    report = scene.run(rows(HONG_KONG), order)
    assert (report.summary["invalid"], report.summary.rows) == (1, 1)
    assert dict(scene.texted()) == {"(852)55311111": 1}


def test_a_canary_that_is_refused_for_its_other_reading_says_so(scene: Scene) -> None:
    """No other attempt has it: the row must be corrected, or each retry would end in the same way."""
    order = make_order(default_region="DE", bare_digits="national", canary=1)
    report = scene.run(rows(HONG_KONG, "+85255311111", "+4915123456780"), order)
    assert "the results show them as invalid: correct or remove these rows" in str(report.cause)
    assert not scene.journal()


def test_newer_phone_metadata_sends_no_row_a_second_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range that is assigned later turns a row into another number: it was sent, and is not sent again."""
    order = make_order(default_region="DE", bare_digits="international")
    scene.run(rows(HONG_KONG), order)
    with monkeypatch.context() as newer:
        newer.setattr(NumberingPlan, "reads_as_valid", lambda _self, _digits: False)
        scene.run(rows(HONG_KONG), order)
        assert statuses(scene) == ["invalid"]
    scene.run(rows(HONG_KONG), order)
    assert statuses(scene) == ["accepted"]
    assert dict(scene.texted()) == {"(852)55311111": 1}


def test_the_version_of_the_phone_metadata_is_kept_with_the_campaign(scene: Scene) -> None:
    """As it was when the campaign began."""
    scene.run(rows("+85255311111"))
    with closing(sqlite3.connect(scene.file)) as ledger:
        found = ledger.execute("SELECT phone_metadata FROM uspeedo_campaigns").fetchall()
    assert found == [(METADATA_VERSION,)]


def test_a_column_of_integers_is_read_as_its_texts_are(scene: Scene) -> None:
    """BIGINT and DOUBLE columns of a warehouse."""
    for values in (pa.array([13800138000, HONG_KONG]), pa.array([13800138000.0, float(HONG_KONG)])):
        table = pa.table({"phone": values, "name": ["A", "B"]})
        order = make_order(default_region="CN", campaign_id=str(values.type))
        scene.run(table, order)
        assert [line.status for line in scene.lines(str(values.type))] == ["accepted", "invalid"]
