# SPDX-License-Identifier: Apache-2.0
"""The results of a campaign as a DataFrame: every column, typed, for any pandas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks import ledger_connection as ledgers
from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook

Connect = Callable[..., str]
COLUMNS = [
    "campaign_id", "row_number", "recipient_key", "phone", "user_id", "template_id", "sender_id", "status", "reason",
    "session_no", "ret_code", "request_id", "claimed_at", "settled_at",
    "receipt_result", "receipt_code", "receipt_desc", "receipt_at", "cost_count",
]  # fmt: skip
TABLE = [
    {"phone": "+85255000001", "code": "1", "id": "a"},
    {"phone": "nobody", "code": "2", "id": "b"},
    {"phone": "+85255099991", "code": "3", "id": None},
    {"phone": "+85255000001", "code": "4", "id": "d"},
]


@pytest.fixture
def results(to_sandbox: Connect, connect: Connect, tmp_path: Path) -> str:
    """The connection of a ledger that holds one small campaign."""
    conn_id = connect("lake", conn_type="sqlite", host=str(tmp_path / "ledger.db"))
    run(open_ledger(conn_id, "uspeedo_results"), to_sandbox())
    return conn_id


def run(ledger: Any, uspeedo_conn_id: str) -> None:
    order = CampaignConfig("c", Columns("phone", ("code",), user_id="id"), template_id="UTA_CODE")
    ledger.prepare()
    with_client = USpeedoHook(uspeedo_conn_id).client
    Campaign(order, prepare(order, TABLE, lambda _ids: []), ledger, with_client.send_written, StopSignal()).run()
    with_client.close()
    ledger.close()


def frame(*args: Any, **more: Any) -> pd.DataFrame:
    return USpeedoHook("not_needed").get_results_df(*args, **more)


def test_every_row_is_there_in_the_order_of_the_table(results: str) -> None:
    """With all columns of the results relation."""
    found = frame("c", results)
    assert list(found.columns) == COLUMNS
    assert found["row_number"].tolist() == [1, 2, 3, 4]
    assert found["status"].tolist() == ["accepted", "invalid", "rejected", "duplicate"]
    assert found["phone"].tolist() == ["(852)55000001", "nobody", "(852)55099991", "(852)55000001"]
    assert found["user_id"].tolist() == ["a", "b", "", "d"]
    assert found["reason"].tolist()[1:] == [
        "phone (column 'phone'): has letters; write digits only", "phone in the black list", "same recipient as row 1",
    ]  # fmt: skip


def test_numbers_are_whole_and_times_are_utc(results: str) -> None:
    """Also where some or all of them are missing."""
    found = frame("c", results)
    assert [str(found[name].dtype) for name in ("row_number", "ret_code", "cost_count")] == ["Int64"] * 3
    for name in ("claimed_at", "settled_at", "receipt_at"):
        assert isinstance(found[name].dtype, pd.DatetimeTZDtype)
        assert str(found[name].dtype.tz) == "UTC"
    assert found["ret_code"].isna().tolist() == [False, True, False, True]
    assert abs(pd.Timestamp.now("UTC") - found["settled_at"][0]) < pd.Timedelta(minutes=5)


def test_only_the_statuses_asked_for_are_read(results: str) -> None:
    """One, several, or none at all."""
    assert frame("c", results, statuses=["rejected", "invalid"])["row_number"].tolist() == [2, 3]
    assert frame("c", results, statuses=[]).empty


@pytest.mark.parametrize("statuses", [None, ["accepted"]])
def test_a_campaign_that_is_not_there_has_no_rows_but_all_columns(results: str, statuses: list[str] | None) -> None:
    """With the same types, so that whatever follows works."""
    found = frame("another", results, statuses=statuses)
    assert found.empty
    for name in ("row_number", "ret_code", "claimed_at", "settled_at", "receipt_at", "cost_count"):
        assert found[name].dtype == frame("c", results)[name].dtype


def test_a_ledger_that_is_not_there_has_no_rows_and_is_not_made(connect: Connect, tmp_path: Path) -> None:
    """Reading writes nothing."""
    found = frame("c", connect("lake", conn_type="sqlite", host=str(tmp_path / "none.db")))
    assert (found.empty, list(found.columns)) == (True, COLUMNS)
    assert not list(tmp_path.iterdir())


def test_results_can_have_another_name(connect: Connect, to_sandbox: Connect, tmp_path: Path) -> None:
    """The name is checked before it reaches any SQL."""
    conn_id = connect("lake", conn_type="sqlite", host=str(tmp_path / "ledger.db"))
    run(open_ledger(conn_id, "texts"), to_sandbox())
    assert len(frame("c", conn_id, results_table="texts")) == 4
    with pytest.raises(ConfigurationError, match="results_table="):
        frame("c", conn_id, results_table="texts; DROP TABLE x")


def test_without_a_connection_the_file_in_airflow_home_is_read(
    monkeypatch: pytest.MonkeyPatch, to_sandbox: Connect, tmp_path: Path
) -> None:
    """The same that the operator writes by default."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setattr(ledgers, "default_file", lambda: tmp_path / "uspeedo_ledger.db")
    run(open_ledger(None, "uspeedo_results"), to_sandbox())
    assert len(frame("c")) == 4
