# SPDX-License-Identifier: Apache-2.0
"""The plan of a dry run in a task: in its XCom, in its log, and nothing of a person in either."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, write
from tests.airflow.running import Run, try_task
from tests.airflow.test_hidden_rows import serialized
from tests.leaks import leaks

KEYS = [
    "fingerprint", "recipients", "segments", "cost", "currency", "by_country", "by_template", "excluded",
    "unicode_rows", "samples", "warnings", "markdown",
]  # fmt: skip
CANARIES = ["Canary", "Quokka", "金絲雀", "98765.43", "secret-42"]
"""Of parameters and user ids."""


@pytest.fixture
def task(tmp_path: Path, ledger: Path, sandbox: Sandbox) -> dict[str, Any]:
    return {
        "task_id": "plan",
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"],
        "user_id_column": "customer",
        "results_conn_id": "ledger",
        "dry_run": True,
    }


def planned(arguments: dict[str, Any], **about: Any) -> dict[str, Any]:
    run: Run = try_task(arguments, **about)
    assert run.error is None, run.error
    found: dict[str, Any] = run.summary["plan"]
    return found


def test_a_dry_run_returns_a_plan_with_the_promised_keys(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """Beside the summary; nothing else of it changes. A run that sends has none."""
    people.table(tmp_path / "people.parquet", 3)
    plan = planned(task | {"prices": {"CN": 0.03}})
    assert [key for key in plan if key in KEYS] == KEYS
    assert (plan["recipients"], plan["segments"], plan["cost"], plan["currency"]) == (3, 3, 0.09, None)
    assert plan["by_country"] == {"CN": {"recipients": 3, "segments": 3, "cost": 0.09}}
    assert plan["fingerprint"].startswith("plan")
    assert "plan" not in try_task(task | {"dry_run": False}).summary


@pytest.mark.parametrize(
    "prices",
    [
        {"CN": 0.03},
        '{"CN": 0.03}',
        "{{ params.prices }}",
        "{{ {'CN': 0.03} | tojson }}",
        {"CN": "{{ 0.03 }}"},
        [{"country": "CN", "price": "{{ 0.03 }}"}],
        pd.DataFrame({"country": ["CN"], "price": [0.03]}),
        pa.table({"country": ["CN"], "price": [0.03]}),
    ],
    ids=["dict", "json", "form", "tojson", "templates in a dict", "list", "frame", "arrow"],
)
@pytest.mark.parametrize("native", [False, True])
def test_prices_come_in_every_way_that_airflow_has(
    task: dict[str, Any], people: People, tmp_path: Path, prices: Any, native: bool
) -> None:
    """As an object, as its text, from the Trigger form, from templates, as a table."""
    from tests.airflow.running import finish, render

    people.table(tmp_path / "people.parquet", 2)
    run = finish(render(task | {"prices": prices}, {"prices": {"CN": 0.03}}, native=native))
    assert run.error is None, run.error
    assert run.summary["plan"]["cost"] == 0.06


def test_wrong_prices_are_refused(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """Before anything else; the message names the country."""
    people.table(tmp_path / "people.parquet", 2)
    run = try_task(task | {"prices": {"China": 0.03}})
    assert "prices: the country of 'China' is not one" in str(run.error)
    assert type(run.error).__name__ == "AirflowFailException"


def test_a_table_of_prices_is_not_written_into_the_serialized_dag() -> None:
    """Its text would be no table any more; a dict may be seen."""
    frame = pd.DataFrame({"country": ["CN"], "price": [0.0314]})
    plain = serialized(lambda sms: sms(task_id="plan", template_id="T", recipients="/a", prices=frame))
    assert "<1 prices>" in plain
    mapped = serialized(
        lambda sms: sms.partial(task_id="plan", template_id="T", recipients="/a", prices=frame).expand(slice=["1/2"])
    )
    assert "0.0314" not in plain + mapped
    seen = serialized(lambda sms: sms(task_id="plan", template_id="T", recipients="/a", prices={"CN": 0.0314}))
    assert "0.0314" in seen


def test_nothing_of_a_person_is_in_the_plan_or_the_log(
    task: dict[str, Any],
    tmp_path: Path,
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No phone, parameter, or user id that is one: in XComs, samples, warnings, reasons, Markdown and log."""
    rows = [
        {"customer": f"secret-42-{n}", "phone": f"+8525531987{n:02}", "name": name, "amount": "98765.43"}
        for n, name in enumerate(["Canary-Quokka", "金絲雀" * 30, "Quokka | Canary", "nan"])
    ]
    broken = [
        {**rows[0], "phone": "+8525531987"},
        {**rows[0], "phone": "Canary-Quokka"},
        {**rows[0], "phone": "+85255319899", "name": None},
        rows[1],
    ]
    write(tmp_path / "people.parquet", [*rows, *broken])
    sandbox.fault("ret_code", code=18013, message="no money for +85255319870 and (852)55319871")
    # Airflow's own logger of a task does not pass on what it is given.
    monkeypatch.setattr("airflow_provider_uspeedo.operators.sms.SendBatchSMSOperator.log", logging.getLogger("a task"))
    with caplog.at_level(logging.DEBUG):
        first = try_task(task | {"dry_run": False, "chunk_size": 2})
        run = try_task(task | {"prices": {"HK": 1}})
    assert first.error is not None
    assert run.error is None
    written = json.dumps([run.instance.xcoms, run.summary], ensure_ascii=False)
    log = "\n".join(record.getMessage() for record in caplog.records if record.name != "uvicorn.access")
    assert run.summary["plan"]["markdown"].strip() in log
    assert run.summary["plan"]["samples"]
    for canary in CANARIES:
        assert canary not in json.dumps(run.summary["plan"], ensure_ascii=False), canary
        if canary != "secret-42":  # a user id that is none of a phone may be seen in `failures`
            assert canary not in written, canary
        assert canary not in log, canary
    numbers = [row["phone"] for row in [*rows, broken[2]]]
    assert leaks(written + log, *numbers, "+85255319870", "+85255319871") == []


def test_the_sender_of_a_column_that_holds_phones_is_masked(task: dict[str, Any], tmp_path: Path) -> None:
    """Somebody may have named the wrong column."""
    rows = [{"phone": f"+8525531987{n}", "name": "x", "amount": "1", "sender": f"5531987{n}"} for n in range(10, 14)]
    write(tmp_path / "people.parquet", rows)
    plan = planned({**task, "user_id_column": None, "sender_id_column": "sender"})
    assert plan["recipients"] == 4
    assert leaks(json.dumps(plan), *(row["phone"] for row in rows)) == []
