# SPDX-License-Identifier: Apache-2.0
"""A dry run tells what a run would do, and neither sends nor writes anything."""

from __future__ import annotations

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from tests.campaign.stage import Scene, make_order, people
from tests.campaign.test_campaign import COLUMNS, MIXED, mixed


@pytest.mark.parametrize("batch_rows", [2, 20_000])
def test_a_dry_run_without_a_ledger_makes_none(scene: Scene, batch_rows: int) -> None:
    """Every row that would be sent is *not_sent*; invalid rows and duplicates are told as a run would."""
    scene.sizes["portion_rows"] = batch_rows
    told = scene.dry_run(mixed(), make_order(COLUMNS)).to_xcom()
    assert (told["rows"], told["not_sent"], told["invalid"], told["duplicate"]) == (15, 7, 6, 2)
    assert (told["accepted"], told["accepted_now"], told["requests"], told["session_nos"]) == (0, 0, 0, [])
    assert [f["row_number"] for f in told["failures"]] == [
        row for row, one in enumerate(MIXED, 1) if one[-1] == "invalid"
    ]
    assert told["results_table"] == "uspeedo_results"
    assert not list(scene.folder.iterdir())
    assert not scene.journal()


def test_a_dry_run_of_a_campaign_half_done_reports_both_halves(scene: Scene) -> None:
    """What the ledger knows, and what is left; the ledger stays as it is."""
    scene.sandbox.fault("drop", at=2)
    first = scene.run(mixed()[:9], make_order(COLUMNS), ask=False)
    before, journal = scene.dump(), scene.journal()
    told = scene.dry_run(mixed(), make_order(COLUMNS))
    assert told["accepted"] == first.summary["accepted"]
    assert told["unknown"] == first.summary["unknown"] > 0
    assert told.rows == len(MIXED)
    assert list(told.session_nos) == list(first.summary.session_nos)
    assert told.accepted_now == 0
    assert scene.dump() == before
    assert scene.journal() == journal


@pytest.mark.parametrize("batch_rows", [1, 4, 20_000])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_dry_run_reports_what_a_rerun_reports(scene: Scene, batch_rows: int, backwards: bool) -> None:
    """Counts, failures and sessions, also where one person has a good row and a bad one, in either order."""
    table = mixed()[::-1] if backwards else mixed()
    scene.run(table, make_order(COLUMNS))
    scene.sizes["portion_rows"] = batch_rows
    told = scene.dry_run(table, make_order(COLUMNS))
    again = scene.run(table, make_order(COLUMNS)).summary
    assert {status: n for status, n in told.counts.items() if n} == {s: n for s, n in again.counts.items() if n}
    assert list(told.failures) == list(again.failures)
    assert set(told.session_nos) == set(again.session_nos)


def test_a_row_that_went_bad_after_it_was_texted_counts_as_texted(scene: Scene) -> None:
    """A run would say the same."""
    scene.run(people(3))
    table = people(3)
    table[1]["name"] = None  # type: ignore[assignment]
    told = scene.dry_run(table)
    assert (told["accepted"], told["invalid"]) == (3, 0)
    assert scene.run(table).summary["accepted"] == 3


def test_a_dry_run_is_refused_for_the_same_reasons_as_a_run(scene: Scene) -> None:
    """Limits, templates, and keys that are not the campaign's."""
    scene.run(people(3))
    for changes in ({"max_recipients": 2}, {"template_id": "UTA_PENDING"}, {"default_region": "HK"}):
        with pytest.raises(ConfigurationError):
            scene.dry_run(people(3), make_order(**changes))
