# SPDX-License-Identifier: Apache-2.0
"""How an attempt ends: which exception, what it says, and what the next attempt does."""

from __future__ import annotations

import logging.handlers
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.conftest import connection_to
from tests.airflow.people import People, phones, write
from tests.airflow.running import Run, finish, render, try_task

KEYS = [
    "campaign_id", "rows", "accepted", "rejected", "invalid", "duplicate", "suppressed", "unknown", "not_sent",
    "accepted_now", "requests", "session_nos", "failures", "truncated", "results_conn_id", "results_table",
]  # fmt: skip
Accepted = Callable[[], list[str]]


@pytest.fixture
def task(tmp_path: Path, ledger: Path, sandbox: Sandbox) -> dict[str, Any]:
    """The arguments of a task that texts ``people.parquet``."""
    return {
        "recipients": str(tmp_path / "people.parquet"),
        "template_id": "UTA_REMINDER",
        "param_columns": ["name", "amount"],
        "user_id_column": "customer",
        "results_conn_id": "ledger",
    }


def assert_retried(run: Run, *said: str) -> None:
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    assert isinstance(run.error, AirflowException)
    assert not isinstance(run.error, AirflowFailException)
    assert all(words in str(run.error) for words in said), str(run.error)


def assert_failed(run: Run, *said: str) -> None:
    from airflow.providers.common.compat.sdk import AirflowFailException

    assert isinstance(run.error, AirflowFailException)
    assert all(words in str(run.error) for words in said), str(run.error)


def test_the_return_value_has_exactly_the_promised_keys(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """The summary is plain JSON under the names that other people's DAGs rely on, in that order."""
    people.table(tmp_path / "people.parquet", 3)
    run = try_task(task)
    assert run.error is None
    assert list(run.summary) == KEYS
    assert run.summary["campaign_id"] == "a_dag/send/a_run"
    assert (run.summary["rows"], run.counts, run.summary["requests"]) == (3, {"accepted": 3}, 1)
    assert (run.summary["results_conn_id"], run.summary["results_table"]) == ("ledger", "uspeedo_results")


def test_sessions_and_failures_are_xcoms_of_their_own(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """A task downstream can take the failures without the rest; phones in them are masked."""
    rows = write(
        tmp_path / "people.parquet",
        [*people(2), *people(1, ending="99991"), {"phone": "n/a", "name": "x", "amount": "1"}],
    )
    run = try_task(task)
    assert run.error is None
    assert run.instance.xcoms["session_nos"] == run.summary["session_nos"] != []
    assert run.instance.xcoms["failures"] == run.summary["failures"]
    assert [(failure["row_number"], failure["status"]) for failure in run.summary["failures"]] == [
        (3, "rejected"),
        (4, "invalid"),
    ]
    assert run.summary["failures"][0]["user_id"] == rows[2]["customer"]
    assert run.summary["failures"][0]["phone"] == "(86)****9991"


def test_rejected_and_invalid_rows_alone_do_not_fail_the_task(
    task: dict[str, Any], people: People, tmp_path: Path
) -> None:
    """One person who can be texted is enough for success."""
    write(tmp_path / "people.parquet", [*people(1), *people(2, ending="99991"), {**people(1)[0], "amount": None}])
    run = try_task(task)
    assert run.error is None
    assert run.counts == {"accepted": 1, "rejected": 2, "invalid": 1}


def test_what_was_not_sent_is_sent_by_the_next_attempt_and_nothing_else(
    task: dict[str, Any], people: People, tmp_path: Path, sandbox: Sandbox, accepted: Accepted
) -> None:
    """A call refused for the balance stops the campaign; after the top-up the next attempt sends only the rest."""
    rows = people.table(tmp_path / "people.parquet", 30)
    task |= {"chunk_size": 10, "concurrency": 1}
    sandbox.fault("ret_code", code=18013, at=2)
    first = try_task(task)
    assert_retried(first, "The campaign stopped", "balance", "airflow-uspeedo explain the-campaign-stopped")
    assert first.counts == {"accepted": 1, "not_sent": 29}
    second = try_task(task, try_number=2)
    assert second.error is None
    assert (second.counts, second.summary["accepted_now"], second.summary["requests"]) == ({"accepted": 30}, 29, 4)
    assert sorted(accepted()) == phones(rows)


def test_a_permanent_refusal_stops_the_campaign_at_once(
    task: dict[str, Any],
    people: People,
    tmp_path: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    accepted: Accepted,
) -> None:
    """A wrong key is found before the first message; a retry would find it, too."""
    people.table(tmp_path / "people.parquet", 30)
    monkeypatch.setenv("AIRFLOW_CONN_WRONG_KEY", connection_to(sandbox.url, secret="another-secret"))
    run = try_task({**task, "uspeedo_conn_id": "wrong_key", "chunk_size": 1, "concurrency": 1})
    assert_failed(run, "Nothing was sent", "Check login", "explain refused-before-sending")
    assert "another-secret" not in str(run.error)
    assert accepted() == []


def test_an_address_where_something_else_answers_is_found_before_the_first_message(
    task: dict[str, Any], people: People, tmp_path: Path, sandbox: Sandbox, accepted: Accepted
) -> None:
    """A page instead of the API: a retry may find it again, and nobody's number has left."""
    people.table(tmp_path / "people.parquet", 30)
    sandbox.fault("not_json", on="templates", at="every")
    assert_retried(try_task(task), "so nothing was sent: ", "airflow-uspeedo explain api-does-not-answer")
    assert accepted() == []


def test_an_outage_costs_three_people_and_a_retry_goes_on(
    task: dict[str, Any], people: People, tmp_path: Path, sandbox: Sandbox, accepted: Accepted
) -> None:
    """Where only sending is out of order."""
    people.table(tmp_path / "people.parquet", 30)
    task |= {"chunk_size": 10}
    sandbox.fault("server_error", at=1, times=3)
    first = try_task(task)
    assert_retried(first, "The API did not answer, and the attempt stopped", "explain api-does-not-answer")
    assert first.counts == {"unknown": 3, "not_sent": 27}
    second = try_task(task, try_number=2)
    assert_failed(second, "3 recipients are unknown", "explain unknown")
    assert second.counts == {"unknown": 3, "accepted": 27}
    assert len(accepted()) == 27


@pytest.mark.parametrize(("given", "unknown"), [("", 3), ("None", 10), (None, 10), ("2", 2)])
def test_an_empty_text_does_not_switch_the_circuit_breaker_off(
    task: dict[str, Any], people: People, tmp_path: Path, sandbox: Sandbox, given: Any, unknown: int
) -> None:
    """An empty field of a form decides nothing; ``None`` does."""
    people.table(tmp_path / "people.parquet", 10)
    sandbox.fault("server_error", at="every")
    run = try_task(task | {"chunk_size": 5, "max_unknown_requests": given})
    assert run.counts["unknown"] == unknown


def test_a_table_without_rows_is_a_warning(
    task: dict[str, Any], people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a success, and seldom meant."""
    people.table(tmp_path / "people.parquet", 0)
    rendered = render(task)
    log, found = logging.getLogger("a task"), logging.handlers.BufferingHandler(1000)
    log.addHandler(found)
    log.setLevel(logging.INFO)
    monkeypatch.setattr(type(rendered.operator), "log", log)
    assert finish(rendered).error is None
    assert [one.levelname for one in found.buffer if "Of 0 rows:" in one.getMessage()] == ["WARNING"]


def test_a_server_that_asks_to_wait_for_long_is_left_to_a_later_attempt(
    task: dict[str, Any], people: People, tmp_path: Path, sandbox: Sandbox, accepted: Accepted
) -> None:
    """What was surely refused is not sent, and the task may be retried; it does not sit and wait in its slot."""
    rows = people.table(tmp_path / "people.parquet", 2)
    sandbox.fault("too_many", retry_after="3600")
    first = try_task(task)
    assert_retried(first, "2 not_sent")
    assert (first.counts, accepted()) == ({"not_sent": 2}, [])
    assert try_task(task, try_number=2).counts == {"accepted": 2}
    assert sorted(accepted()) == phones(rows)


def test_a_lost_answer_fails_for_good_and_is_never_sent_again(
    task: dict[str, Any], people: People, tmp_path: Path, sandbox: Sandbox, accepted: Accepted
) -> None:
    """Only unknown left: no retry can fix that, and Clear sends nothing."""
    rows = people.table(tmp_path / "people.parquet", 5)
    sandbox.fault("drop")
    first = try_task(task)
    assert_failed(first, "5 recipients are unknown", "airflow-uspeedo explain unknown")
    assert first.counts == {"unknown": 5}
    assert [failure["status"] for failure in first.instance.xcoms["failures"]] == ["unknown"] * 5
    cleared = try_task(task)
    assert_failed(cleared, "are unknown", "nothing was sent now")
    assert sorted(accepted()) == phones(rows)


def test_clear_and_run_again_sends_nothing(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """The same campaign run again tells the same counts, and that none of them is new."""
    rows = people.table(tmp_path / "people.parquet", 4)
    first, again = try_task(task), try_task(task)
    assert (again.counts, again.summary["accepted_now"], again.summary["requests"]) == (first.counts, 0, 0)
    assert again.summary["session_nos"] == first.summary["session_nos"]
    assert sorted(accepted()) == phones(rows)


def test_another_run_is_another_campaign(
    task: dict[str, Any], people: People, tmp_path: Path, accepted: Accepted
) -> None:
    """Unless the campaign is named, the next DAG run texts the same people again."""
    people.table(tmp_path / "people.parquet", 2)
    for run_id in ("monday", "tuesday"):
        assert try_task(task, run_id=run_id).summary["accepted_now"] == 2
    assert len(accepted()) == 4


def test_rows_without_a_recipient_name_the_column(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """The wrong phone column is the likeliest mistake, and is named."""
    people.table(tmp_path / "people.parquet", 3)
    run = try_task({**task, "phone_column": "name"})
    assert_failed(run, "None of the 3 rows can be sent", "is 'name' the phone column?", "explain no-sendable-row")
    assert run.counts == {"invalid": 3}


def test_an_empty_table_is_a_success(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """Nobody is due today: zero rows, and no failure."""
    import pyarrow as pa
    from pyarrow import parquet

    text = pa.schema([(name, pa.string()) for name in ("customer", "phone", "name", "amount")])
    parquet.write_table(text.empty_table(), tmp_path / "people.parquet")
    run = try_task(task)
    assert run.error is None
    assert (run.summary["rows"], run.counts, run.summary["requests"]) == (0, {}, 0)


def test_a_missing_table_may_be_retried(task: dict[str, Any], people: People, tmp_path: Path) -> None:
    """A late partition is found by the next attempt."""
    late = try_task(task)
    assert_retried(late, "there is no file", "retry once")
    people.table(tmp_path / "people.parquet", 1)
    assert try_task(task, try_number=2).error is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"template_id": None}, "template_id_column"),
        ({"param_columns": ["name", "amuont"]}, "amuont"),
        ({"param_columns": ["name"]}, "has 2 variables"),
        ({"template_id": "UTA_PENDING"}, "not approved"),
        ({"chunk_size": 1001}, "chunk_size=1001"),
        ({"chunk_size": "many"}, "chunk_size must be a whole number"),
        ({"concurrency": 0}, "concurrency=0"),
        ({"dry_run": "perhaps"}, "dry_run is neither true nor false"),
        ({"default_region": "ZZ"}, "ZZ"),
        ({"sender_id": "much too long a name"}, "at most 11"),
        ({"max_recipients": 2}, "max_recipients=2"),
        ({"results_table": "results; DROP"}, "results_table"),
        ({"results_conn_id": "uspeedo_default"}, "needs one of type sqlite, postgres"),
        ({"campaign_id": " "}, "campaign_id is empty"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_first_message(
    task: dict[str, Any],
    people: People,
    tmp_path: Path,
    sandbox: Sandbox,
    changed: dict[str, Any],
    said: str,
    accepted: Accepted,
) -> None:
    """No retry can fix it, the message names it, and nothing was sent."""
    people.table(tmp_path / "people.parquet", 3)
    assert_failed(try_task({**task, **changed}), said, "airflow-uspeedo explain refused-before-sending")
    assert accepted() == []


def test_a_dry_run_sends_and_writes_nothing(
    task: dict[str, Any], people: People, tmp_path: Path, ledger: Path, accepted: Accepted
) -> None:
    """It returns the summary that a run would begin with, and makes no tables."""
    write(tmp_path / "people.parquet", [*people(3), {**people(1)[0], "phone": "n/a"}])
    run = try_task({**task, "dry_run": True})
    assert run.error is None
    assert (list(run.summary), run.counts) == ([*KEYS, "plan"], {"not_sent": 3, "invalid": 1})
    assert accepted() == []
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_a_task_that_reads_the_table_of_another_one_replaces_its_rows(
    task: dict[str, Any], people: People, tmp_path: Path, ledger: Path, accepted: Accepted
) -> None:
    """The results show each row once, as the last of the two found it; a task that does not say so has its own rows."""
    table = tmp_path / "people.parquet"
    rows = people.table(table, 3)
    campaign = {**task, "campaign_id": "of two tasks"}

    def in_the_results() -> int:
        with closing(sqlite3.connect(ledger)) as connection:
            return int(connection.execute("SELECT count(*) FROM uspeedo_results").fetchone()[0])

    try_task(campaign, task_id="send")
    more = people(1)
    write(table, [*rows, *more])
    again = try_task({**campaign, "task_id": "send_again", "same_table_as": "send"}, task_id="send_again")
    assert (again.counts, again.summary["accepted_now"]) == ({"accepted": 4}, 1)
    assert in_the_results() == 4
    try_task({**campaign, "task_id": "another"}, task_id="another")
    assert in_the_results() == 8
    assert sorted(accepted()) == phones([*rows, *more])
