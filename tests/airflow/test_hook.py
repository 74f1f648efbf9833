# SPDX-License-Identifier: Apache-2.0
"""The hook: a connection becomes a client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.hooks.uspeedo import Target, TaskContent, USpeedoHook
from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.conftest import SECRET, connection_to
from tests.airflow.people import People, phones, write
from tests.airflow.running import try_task


@pytest.mark.parametrize("api", ["action", "rest"])
def test_it_sends_asks_receipts_and_queries_templates(
    sandbox: Sandbox, people: People, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    """The three calls of the API, in both generations."""
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", connection_to(sandbox.url, api=api, timeout="5", verify="False"))
    hook, (row,) = USpeedoHook("other"), people(1)
    answer = hook.send_batch([TaskContent("UTA_CODE", "", [Target(row["phone"], ["1234"])])])
    sandbox.ripen()
    (session,) = hook.get_receipts(answer.session_nos)
    (template,) = hook.query_templates(["UTA_CODE"])
    assert (answer.ret_code, answer.success_count) == (0, 1)
    assert [receipt.phone for receipt in session.receipts] == [row["phone"]]
    assert (template.template_id, template.variables) == ("UTA_CODE", 1)


def test_a_good_connection_says_so(sandbox: Sandbox) -> None:
    """The button *Test* in the connection form."""
    place = f"{sandbox.url.removeprefix('http://')} (connection 'uspeedo_default')"
    assert USpeedoHook().test_connection() == (True, f"{place} answers and accepts the key.")


def test_a_wrong_key_says_what_to_check_and_no_secret(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow does not redact that message."""
    monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(sandbox.url, secret=SECRET[::-1]))
    good, message = USpeedoHook().test_connection()
    assert not good
    assert "AccessKeySecret" in message
    assert SECRET[::-1] not in message


def test_the_results_are_a_dataframe(sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path) -> None:
    """One line per row of the table, with typed columns, of all statuses or of some."""
    rows = write(tmp_path / "people.parquet", [*people(2), *people(1, ending="99991")])
    arguments: dict[str, Any] = {"template_id": "UTA_PLAIN", "results_conn_id": "ledger", "campaign_id": "a campaign"}
    try_task({**arguments, "recipients": str(tmp_path / "people.parquet")})
    frame = USpeedoHook().get_results_df("a campaign", "ledger")
    rejected = USpeedoHook().get_results_df("a campaign", "ledger", statuses=["rejected"])
    assert list(frame["phone"]) == phones(rows)
    assert list(frame["status"]) == ["accepted", "accepted", "rejected"]
    assert str(frame["settled_at"].dtype).endswith("UTC]")
    assert list(rejected["row_number"]) == [3]
