# SPDX-License-Identifier: Apache-2.0
"""``execute`` called by hand, as the tests of a DAG's author and notebooks do: there is no task instance."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_uspeedo.operators.receipts import CollectSMSReceiptsOperator
from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.hooks.conftest import Connect

ROWS = [{"phone": f"(852)5531{number:04}", "name": "Ann", "amount": "1"} for number in range(3)]


@pytest.fixture
def about(connect: Connect, to_sandbox: Connect, tmp_path: Path) -> dict[str, Any]:
    return {
        "campaign_id": "by hand",
        "uspeedo_conn_id": to_sandbox(),
        "results_conn_id": connect("by_hand", conn_type="sqlite", host=str(tmp_path / "ledger.db")),
    }


def sending(rows: list[dict[str, str]], about: dict[str, Any]) -> SendBatchSMSOperator:
    columns = ["name", "amount"]
    return SendBatchSMSOperator(
        task_id="send", recipients=rows, template_id="UTA_REMINDER", param_columns=columns, **about
    )


@pytest.mark.parametrize("context", [{}, None, {"ti": None, "run_id": "r"}], ids=str)
def test_each_recipient_is_texted_once(context: Any, about: dict[str, Any], sandbox: Sandbox) -> None:
    before = len(sandbox.journal())
    first = sending(ROWS, about).execute(context)
    again = sending(ROWS, about).execute(context)
    assert (first["accepted"], first["accepted_now"], again["accepted"], again["accepted_now"]) == (3, 3, 3, 0)
    assert len(sandbox.journal()) == before + 3
    collecting = CollectSMSReceiptsOperator(task_id="collect", first_after=timedelta(0), **about)
    assert collecting.execute(context)["success"] == 3


def test_a_task_can_be_copied(about: dict[str, Any]) -> None:
    """As Airflow 3.0 does to test a DAG."""
    collecting = CollectSMSReceiptsOperator(task_id="collect", first_after=timedelta(0), **about)
    for one in (sending(ROWS, about), collecting):
        assert copy.deepcopy(one).campaign_id == "by hand"


def test_a_failure_is_that_of_a_task(about: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match=r"invalid"):
        sending([{"phone": "nobody", "name": "Ann", "amount": "1"}], about).execute({})
