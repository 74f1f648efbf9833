# SPDX-License-Identifier: Apache-2.0
"""The rules of a policy that a row alone decides, in whole campaigns: lists of phones, and countries."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_uspeedo.core.contact_policy import read_policy
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError, SourceNotFound, TableError
from tests.campaign.stage import Scene, make_order, people, phones
from tests.leaks import leaks

ON_A_LIST = "suppression: the phone is on a list of the policy"


def rules(**policy: Any) -> ContactRules:
    return read_policy(policy, "policy")


def order(policy: dict[str, Any], **changes: Any) -> Any:
    return make_order(rules=rules(**policy), **changes)


def written(kind: str, rows: list[dict[str, Any]], folder: Path) -> Any:
    """A list of phones of some kind, in a column *mobile*, as the field *suppress*."""
    table = pa.Table.from_pylist([{"mobile": row["phone"], "why": "asked"} for row in rows])
    if kind == "parquet":
        pq.write_table(table, folder / "opt-outs.parquet")
        return {"path": str(folder / "opt-outs.parquet"), "column": "mobile"}
    if kind == "folder of csv":
        (folder / "opt-outs").mkdir()
        for number in (0, 1):
            part = table.slice(number * 2, 2 if number == 0 else None).to_pandas()
            part.to_csv(folder / "opt-outs" / f"part-{number}.csv", index=False)
        return {"path": f"{folder}/opt-outs", "column": "mobile"}
    if kind == "frame":
        return {"table": table.to_pandas(), "column": "mobile"}
    if kind == "arrow":
        return {"table": table, "column": "mobile"}
    if kind == "rows":
        return {"table": table.to_pylist(), "column": "mobile"}
    if kind == "series":
        return table.to_pandas()["mobile"]
    return [row["phone"] for row in rows]


@pytest.mark.parametrize("kind", ["parquet", "folder of csv", "frame", "arrow", "rows", "series", "phones"])
def test_who_is_on_a_list_is_not_texted(scene: Scene, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever holds the list; the others are, and each row says why."""
    table = people(9)
    with caplog.at_level(logging.INFO):
        report = scene.run(table, order({"suppress": written(kind, [table[2], table[5], table[6]], scene.folder)}))
    assert scene.texted().keys() == set(phones([row for n, row in enumerate(table) if n not in (2, 5, 6)]))
    scene.check(report, 9)
    assert (report.summary["accepted"], report.summary["suppressed"]) == (6, 3)
    assert [line.reason for line in scene.lines() if line.status == "suppressed"] == [ON_A_LIST] * 3
    assert "of phones that are not texted: 3 rows." in caplog.text
    assert leaks(caplog.text, *phones(table)) == []


def test_lists_of_several_sources_are_one(scene: Scene) -> None:
    """A file and phones by value."""
    table = people(4)
    given = [written("parquet", [table[0]], scene.folder), table[1]["phone"]]
    report = scene.run(table, order({"suppress": given}))
    scene.check(report, 4)
    assert scene.statuses() == ["suppressed", "suppressed", "accepted", "accepted"]


@pytest.mark.parametrize(
    "spelling",
    [
        "+852 5000-0001",
        "(852)50000001",
        "0085250000001",
        "85250000001",
        "\u0665\u0660\u0660\u0660 \u0660\u0660\u0660\u0661",
        "50000001",
    ],
)
def test_a_phone_of_a_list_may_be_written_in_any_way(scene: Scene, spelling: str) -> None:
    """It is read as the table's phones are, and in every other way in which it could be meant."""
    report = scene.run(people(3), order({"suppress": [spelling]}, default_region="HK"))
    scene.check(report, 3)
    assert scene.statuses() == ["accepted", "suppressed", "accepted"]


def test_a_phone_that_can_be_read_in_two_ways_stands_for_both(scene: Scene) -> None:
    """A valid number of no area of the United States, which with + is one of Germany; the table may mean either."""
    table = [{"phone": "+49 3020555012", "name": "A"}, {"phone": "+1 2125550123", "name": "B"}]
    report = scene.run(table, order({"suppress": ["493020555012"]}, default_region="US"))
    scene.check(report, 2)
    assert scene.statuses() == ["suppressed", "accepted"]


def test_bare_national_digits_without_a_region_refuse_the_send(scene: Scene) -> None:
    """They could be of any country; the phones that were meant would be texted without a word."""
    listed = ["5000 0002", "50000001"]
    with pytest.raises(TableError, match=r"of 2 rows 2 cannot be read as phones .*no country code"):
        scene.run(people(3), order({"suppress": listed}))
    assert not scene.journal()
    valid = order({"suppress": ["8613000000101"]}, campaign_id="valid numbers")
    report = scene.run([{"phone": "+86 130 0000 0101", "name": "A"}], valid)
    assert report.summary["suppressed"] == 1
    international = order({"suppress": ["50000002"]}, bare_digits="international", campaign_id="the table says so")
    report = scene.run([{"phone": "50000002", "name": "A"}], international)
    assert report.summary["suppressed"] == 1


def test_an_empty_list_excludes_no_recipient(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """And the log says that it was read."""
    pq.write_table(pa.table({"phone": pa.array([], pa.string())}), scene.folder / "none.parquet")
    with caplog.at_level(logging.INFO):
        report = scene.run(people(2), order({"suppress": [str(scene.folder / "none.parquet")]}))
    scene.check(report, 2)
    assert scene.statuses() == ["accepted"] * 2
    assert "of phones that are not texted: 0 rows." in caplog.text
    assert scene.run(people(2), order({"suppress": []}, campaign_id="other")).summary["accepted"] == 2


UNREADABLE = ["nobody", None, "", "12"]


@pytest.mark.parametrize("bad", [1, 2])
def test_more_than_one_percent_that_are_no_phones_refuse_the_send(
    scene: Scene, bad: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With counts, rows and reasons, and no phone; up to that a warning."""
    listed = [row["phone"] for row in people(100 - bad, 500)] + UNREADABLE[:bad]
    config = order({"suppress": listed})
    if bad == 1:
        assert scene.run(people(2), config).summary["accepted"] == 2
        assert "of 100 rows 1 cannot be read as phones (1.0%): row 100. Most frequent reasons: 1 x" in caplog.text
        assert leaks(caplog.text, *listed[:-1]) == []
        return
    with pytest.raises(TableError) as raised:
        scene.run(people(2), config)
    text = str(raised.value)
    assert text.startswith("policy: suppress: list given by value (column 'phone'): of 100 rows 2 cannot be read as")
    assert "(2.0%): row 99, 100." in text
    assert "1 x 'empty'" in text
    assert "0000" not in text
    assert not scene.journal()


@pytest.mark.parametrize("listed", [people(3), pd.DataFrame(people(3))], ids=["rows", "frame"])
def test_a_list_without_its_column_refuses_the_send(scene: Scene, listed: Any) -> None:
    with pytest.raises(TableError, match=r"policy: suppress: list given by value: .* has no column 'mobile'"):
        scene.run(people(2), order({"suppress": {"table": listed, "column": "mobile"}}))
    assert not scene.journal()


def test_a_list_that_is_not_there_refuses_the_send(scene: Scene) -> None:
    """A later attempt may find it."""
    with pytest.raises(SourceNotFound, match=r"policy: suppress: list '.*opt-outs.parquet'"):
        scene.run(people(2), order({"suppress": str(scene.folder / "opt-outs.parquet")}))
    assert not scene.journal()


def test_only_phones_of_these_countries_are_texted(scene: Scene) -> None:
    """Also where several countries share a code; a number of +1 that is of none of them is of no country."""
    numbers = ["+852 50000001", "+1 4165550123", "+1 2125550123", "+1 0005550123", "+800 12345678", "+853 62345678"]
    table = [{"phone": number, "name": "N"} for number in numbers]
    report = scene.run(table, order({"countries": ["HK", "CA"]}))
    scene.check(report, 6)
    assert [(line.status, line.reason) for line in scene.lines()] == [
        ("accepted", None),
        ("accepted", None),
        ("suppressed", "country: US is not one of the policy's countries"),
        ("suppressed", "country: a number of +1 that is of no country"),
        ("suppressed", "country: a number of +800 that is of no country"),
        ("suppressed", "country: MO is not one of the policy's countries"),
    ]


def test_a_number_that_could_be_of_several_countries_needs_all_of_them(scene: Scene) -> None:
    """Curacao and Bonaire share +599; whichever of them a number is of, both are allowed."""
    table = [{"phone": "+599 5123456", "name": "N"}]
    first = scene.run(table, order({"countries": ["CW"]}))
    assert first.summary["suppressed"] == 1
    assert scene.run(table, order({"countries": ["CW", "BQ"]})).summary["accepted"] == 1


def test_both_rows_of_a_suppressed_phone_are_suppressed(scene: Scene) -> None:
    """None of them is a duplicate: no other row stands for it."""
    table = [*people(2), people(1)[0], people(2)[1]]
    report = scene.run(table, order({"suppress": [table[0]["phone"]]}))
    assert scene.statuses() == ["suppressed", "accepted", "suppressed", "duplicate"]
    assert set(scene.texted().values()) == {1}
    assert report.summary.rows == 4


def test_of_a_persons_two_phones_the_one_that_is_allowed_is_texted(scene: Scene) -> None:
    """Where other columns than the phone say who is who."""
    table = [{"id": "1", **people(1)[0]}, {"id": "1", **people(2)[1]}, {"id": "1", **people(3)[2]}]
    config = order({"suppress": [table[0]["phone"]]}, columns=Columns("phone", ("name",), keys=("id",)))
    scene.run(table, config)
    assert scene.statuses() == ["suppressed", "accepted", "duplicate"]
    assert scene.texted().keys() == {"(852)50000001"}


def test_a_row_that_was_texted_before_shows_that(scene: Scene) -> None:
    """Opted out since: it is not texted again, and its row does not say that it never was."""
    table = people(3)
    scene.run(table)
    report = scene.run(table, order({"suppress": [table[1]["phone"]]}))
    assert report.summary["accepted"] == 3
    assert scene.statuses() == ["accepted"] * 3
    assert set(scene.texted().values()) == {1}


def test_an_unchanged_table_is_judged_again_once_the_policy_changes(scene: Scene) -> None:
    """Tighter or looser, other lists or other countries; the same policy texts nobody more."""
    table = pa.Table.from_pylist(people(4))
    listed = [row["phone"] for row in people(2)]
    scene.run(table, order({"suppress": listed}))
    assert scene.statuses() == ["suppressed", "suppressed", "accepted", "accepted"]
    scene.run(table, order({"suppress": listed}))
    assert scene.statuses() == ["suppressed", "suppressed", "accepted", "accepted"]
    scene.run(table, order({"suppress": listed[:1]}))
    assert scene.statuses() == ["suppressed", "accepted", "accepted", "accepted"]
    scene.run(table, order({"countries": ["MO"]}))
    assert scene.statuses() == ["suppressed", "accepted", "accepted", "accepted"]
    scene.run(table, order({"countries": ["HK"]}))
    assert scene.statuses() == ["accepted"] * 4
    assert set(scene.texted().values()) == {1}


def test_suppressed_rows_count_neither_as_invalid_nor_as_recipients(scene: Scene) -> None:
    """A table may be larger than ``max_recipients``, if those who may be texted are not."""
    table = people(150)
    listed = [row["phone"] for row in table[10:]]
    config = order({"suppress": listed}, max_recipients=10, max_invalid_ratio=0.01, chunk_size=100)
    report = scene.run(table, config)
    scene.check(report, 150)
    assert (report.summary["accepted"], report.summary["suppressed"], report.cause) == (10, 140, None)
    with pytest.raises(ConfigurationError, match="max_recipients=9"):
        scene.run(table, order({"suppress": listed}, max_recipients=9, campaign_id="other"))


def test_a_dry_run_shows_who_is_suppressed(scene: Scene) -> None:
    """Before anything is sent, and afterwards."""
    table, config = people(5), order({"suppress": [people(1)[0]["phone"]], "countries": ["HK"]})
    for sent in (0, 4):
        summary = scene.dry_run(table, config)
        assert (summary["suppressed"], summary["not_sent"], summary["accepted"]) == (1, 4 - sent, sent)
        scene.run(table, config)


def test_a_list_is_read_once_for_an_attempt(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """However many portions the table has."""
    scene.sizes = {"portion_rows": 4, "batch_rows": 2}
    with caplog.at_level(logging.INFO):
        report = scene.run(people(20), order({"suppress": [row["phone"] for row in people(20)[::2]]}))
    scene.check(report, 20)
    assert report.summary["suppressed"] == 10
    assert caplog.text.count("of phones that are not texted") == 1
