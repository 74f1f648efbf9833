# SPDX-License-Identifier: Apache-2.0
"""``export``: the results of a campaign as a file."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from tests.campaign.stage import CAMPAIGN, people, phones


def test_masked_phones_unless_something_else_is_said(command, warehouse, tmp_path):
    """What the file holds is said in two lines."""
    warehouse.run(people(3))
    path = tmp_path / "results.parquet"
    said = command("export", CAMPAIGN, str(path))
    assert said.code == 0
    assert said.out == f"3 rows to {path}, {path.stat().st_size:,} bytes: 3 accepted.\n"
    assert pq.read_table(path)["phone"].to_pylist() == [f"(852)****{n:04d}" for n in range(3)]
    assert pq.read_table(path)["status"].to_pylist() == ["accepted"] * 3


def test_plain_phones_are_said(command, warehouse, tmp_path):
    """Not shown."""
    warehouse.run(people(3))
    path = tmp_path / "results.parquet"
    said = command("export", CAMPAIGN, str(path), "--phones", "plain")
    assert said.out.splitlines()[1:] == ["The file holds phones in plain: every reader of the file can read them."]
    assert pq.read_table(path)["phone"].to_pylist() == phones(people(3))


def test_a_program_gets_json(command, warehouse, tmp_path):
    """All that is known of the file."""
    warehouse.run(people(2))
    path = tmp_path / "results.parquet"
    said = json.loads(command("export", CAMPAIGN, str(path), "--phones", "hashed", "--json").out)
    assert (said["rows"], said["counts"]["accepted"], said["phones"]) == (2, 2, "hashed")
    assert (said["path"], said["size"], said["open_attempts"]) == (str(path), path.stat().st_size, 0)
    assert said["exported_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("campaign", "name", "why"),
    [
        ("another", "results.parquet", "There is no campaign 'another'"),
        (CAMPAIGN, "results.csv", "must name a Parquet file"),
        (CAMPAIGN, "no/results.parquet", "has no folder: create"),
    ],
)
def test_what_cannot_be_exported_is_one_line(command, warehouse, tmp_path, campaign, name, why):
    """And no file."""
    warehouse.run(people(1))
    said = command("export", campaign, str(tmp_path / name))
    assert said.code == 1
    assert why in said.line
    assert not (tmp_path / name).exists()


def test_a_running_campaign_is_said(command, warehouse, tmp_path):
    """Or one that was killed."""
    from tests.ledger.acting import Try
    from tests.ledger.acting import people as recipients

    warehouse.run(people(1))
    with warehouse.ledger() as ledger:
        Try(ledger, "running").claim(recipients("ab"))
    said = command("export", "running", str(tmp_path / "results.parquet"))
    assert said.out.splitlines()[-1].startswith("1 attempt had not ended (running, or killed).")
