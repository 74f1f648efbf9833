# SPDX-License-Identifier: Apache-2.0
"""A policy in a DAG run of Airflow's own: what it does, and that its phones are nowhere in what Airflow writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.dag_runs import DagRuns, bytes_of
from tests.airflow.people import write
from tests.leaks import leaks

LISTED = ("(852)55577001", "(852)55577002")


@pytest.fixture(scope="module")
def runs(airflow_home: Path) -> DagRuns:
    return DagRuns(airflow_home)


def test_phones_by_value_are_in_nothing_that_airflow_writes(
    runs: DagRuns, sandbox: Sandbox, airflow_home: Path, tmp_path: Path
) -> None:
    """Plain, mapped and refused: the listed phones are not texted, and neither database nor logs have them."""
    before = len(sandbox.journal())
    numbers = ["(852)55577000", "(852)55577001", "(852)55577002", "(853)62577000"]
    write(tmp_path / "people.parquet", [{"phone": phone} for phone in numbers])
    runs.test("policy", {"table": str(tmp_path / "people.parquet")})
    states = runs.states("policy")
    assert {name: state for name, (state, _) in states.items()} == {
        "countries": "success", "send": "success", "mapped": "success", "refused": "failed"
    }  # fmt: skip
    # The mapped tasks go on with the campaign, and have no rule about countries.
    assert sorted(entry.phone for entry in sandbox.journal(before)) == [numbers[0], numbers[3]]
    rendered = runs.rendered("policy")["send"]["policy"]
    assert "HK" in str(rendered)
    assert "<2 phones>" in str(rendered)
    files = [path for path in airflow_home.rglob("*") if path.is_file() and "uspeedo" not in path.name]
    texts = {path: bytes_of(path) for path in [*files, runs.output("policy")]}
    assert any(b"policy" in text for text in texts.values())
    assert [(path, found) for path, text in texts.items() for found in leaks(text, *LISTED)] == []
