# SPDX-License-Identifier: Apache-2.0
"""The operator that asks a person about unknown outcomes: what it shows, what it records, how it ends."""

from __future__ import annotations

import logging.handlers
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.people import People, phones
from tests.airflow.resolving import ANN, CAMPAIGN, Question, asker, decisions, make, statuses
from tests.airflow.running import OutletEvents, Run, try_task

resolve = pytest.importorskip(
    "airflow_provider_uspeedo.operators.resolve", reason="this Airflow cannot ask a person", exc_type=ImportError
)

Accepted = Callable[[], list[str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Question]:
    """Runs the task until it waits; what it sends to Airflow is kept instead."""
    return asker(monkeypatch)


@pytest.fixture
def lost(sandbox: Sandbox, people: People, tmp_path: Path, ledger: Path) -> Callable[..., list[str]]:
    """Sends a table, and loses the answers of its first requests."""

    def sending(requests: int = 1, *, each: int = 2, more: int = 0, accepted: bool = False) -> list[str]:
        rows = people.table(tmp_path / "people.parquet", requests * each + more)
        if requests:
            sandbox.fault("drop", times=requests, accepted=accepted)
        send()
        sandbox.clear_faults()
        return phones(rows)

    def send() -> Run:
        return try_task({
            "recipients": str(tmp_path / "people.parquet"), "template_id": "UTA_REMINDER",
            "param_columns": ["name", "amount"], "campaign_id": CAMPAIGN, "results_conn_id": "ledger",
            "chunk_size": chunk[0], "concurrency": 1, "max_unknown_requests": None,
        })  # fmt: skip

    chunk = [2]

    def sized(requests: int = 1, *, each: int = 2, **how: Any) -> list[str]:
        chunk[0] = each
        return sending(requests, each=each, **how)

    sized.again = send  # type: ignore[attr-defined]
    return sized


def failed(run: Run, *said: str) -> None:
    """For good: retries ask nobody again."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    assert isinstance(run.error, AirflowFailException), run.error
    for text in said:
        assert text in str(run.error)


def test_a_person_is_shown_what_is_unknown(lost: Any, ask: Any, ledger: Path) -> None:
    """Numbers, requests and what to ask; nothing chosen beforehand, and nothing else asked for."""
    lost(2, more=1)
    question = ask(assigned_users=ANN)
    detail = question.detail
    assert detail.subject == f"Were 4 recipients of campaign '{CAMPAIGN}' sent an SMS?"
    assert "4 recipients of campaign due 2026-11-22 may or may not" in detail.body
    with closing(sqlite3.connect(ledger)) as connection:
        query = "SELECT lower(hex(id)) FROM uspeedo_requests WHERE state = 'unknown' ORDER BY sent_at"
        known = [name for (name,) in connection.execute(query)]
    assert len(known) == 2
    assert all(f"| {number} | {name} |" in detail.body for number, name in enumerate(known, 1))
    assert detail.options[:3] == ["All sent", "All not sent", "Leave all unknown"]
    single = [one.partition(", ") for one in detail.options[3:]]
    assert [one[0] for one in single] == [
        "Sent: request 1",
        "Not sent: request 1",
        "Sent: request 2",
        "Not sent: request 2",
    ]
    assert all(known[number // 2].startswith(one[2].split()[0]) for number, one in enumerate(single))
    assert {one[2].partition(" ")[2] for one in single} == {"(2 recipients)"}
    assert (detail.defaults, detail.multiple, detail.params or {}) == (None, True, {})
    assert [(one.id, one.name) for one in detail.assigned_users] == [("17", "Ann Lee")]


def test_one_request_is_three_buttons(lost: Any, ask: Any) -> None:
    """Airflow shows up to four options of which one can be chosen as buttons."""
    lost(1)
    detail = ask().detail
    assert (len(detail.options), detail.multiple) == (3, False)


def test_sent_counts_as_accepted_and_nothing_is_sent_again(
    lost: Any, ask: Any, ledger: Path, accepted: Accepted
) -> None:
    """With the name of the person in the ledger, its results and the return value."""
    lost(1, accepted=True, more=1)
    run = ask().answer("All sent")
    assert run.error is None
    assert run.summary == {
        "campaign_id": CAMPAIGN, "sent": 2, "not_sent": 0, "left": 0, "changed": 0, "unknown": 0, "by": "Ann Lee"
    }  # fmt: skip
    assert statuses(ledger) == {"accepted": 3}
    assert decisions(ledger) == [("sent", 2, "Ann Lee")]
    with closing(sqlite3.connect(ledger)) as connection:
        reasons = connection.execute("SELECT reason FROM uspeedo_results WHERE reason LIKE 'resolved%'").fetchall()
    assert len(reasons) == 2
    assert all("resolved by Ann Lee at " in reason for (reason,) in reasons)
    before = len(accepted())
    assert lost.again().error is None
    assert len(accepted()) == before


def test_not_sent_is_sent_by_the_next_attempt(lost: Any, ask: Any, ledger: Path, accepted: Accepted) -> None:
    """Once each."""
    everyone = lost(2)
    assert accepted() == []
    run = ask().answer("All not sent")
    assert (run.error, run.summary["not_sent"], run.summary["unknown"]) == (None, 4, 0)
    assert statuses(ledger) == {"not_sent": 4}
    assert lost.again().error is None
    assert sorted(accepted()) == sorted(everyone)
    assert decisions(ledger) == [("not sent", 2, "Ann Lee")] * 2


def test_each_request_can_have_its_answer(lost: Any, ask: Any, ledger: Path) -> None:
    """What has none stays unknown, and the task fails; asked again, it asks about that alone."""
    lost(3)
    question = ask()
    first, second = (question.detail.options[number] for number in (3, 6))
    assert first.startswith("Sent: ")
    assert second.startswith("Not sent: ")
    run = question.answer(second, first)
    failed(
        run,
        "2 recipients sent, 2 not sent",
        "Still unknown: 2 recipients. The answer left 2 of them.",
        "explain unknown",
    )
    assert run.summary == {
        "campaign_id": CAMPAIGN, "sent": 2, "not_sent": 2, "left": 2, "changed": 0, "unknown": 2, "by": "Ann Lee"
    }  # fmt: skip
    assert statuses(ledger) == {"accepted": 2, "not_sent": 2, "unknown": 2}
    again = ask()
    assert again.kept["shown"] == [question.kept["shown"][2]]
    assert again.answer("All sent").error is None


def test_leave_records_nothing_and_fails(lost: Any, ask: Any, ledger: Path) -> None:
    """The outcome is still unknown: neither green nor repeated by itself."""
    lost(2)
    run = ask().answer("Leave all unknown")
    failed(
        run,
        "0 recipients sent, 0 not sent",
        "Still unknown: 4 recipients. The answer left 4 of them.",
        "Clear this task",
    )
    assert (run.summary["left"], run.summary["unknown"]) == (4, 4)
    assert (statuses(ledger), decisions(ledger)) == ({"unknown": 4}, [])


def test_an_answer_that_contradicts_itself_records_nothing(lost: Any, ask: Any, ledger: Path) -> None:
    """Not even the part of it that is clear."""
    lost(3)
    question = ask()
    options = question.detail.options
    for chosen in (["All sent", options[3]], [options[3], options[4]], [options[5], options[3], options[4]], []):
        failed(question.answer(*chosen), "nothing was recorded", "Clear this task")
    assert (statuses(ledger), decisions(ledger)) == ({"unknown": 6}, [])


def test_a_timeout_means_leave(lost: Any, ask: Any, ledger: Path) -> None:
    """Nobody is taken to have said anything."""
    lost(1)
    question = ask(response_timeout=timedelta(hours=2))
    run = question.resume({"error": "passed", "error_type": "timeout"}, response_timeout=timedelta(hours=2))
    failed(run, "Nobody answered within 2:00:00: nothing was recorded, and 2 recipients of campaign")
    assert (statuses(ledger), decisions(ledger)) == ({"unknown": 2}, [])


def test_nothing_unknown_is_skipped_at_once(lost: Any, ledger: Path) -> None:
    """With what was decided last, so that a retry after a kill says that the answer is recorded."""
    from airflow.providers.common.compat.sdk import AirflowSkipException

    from airflow_provider_uspeedo.administration import open_ledger_admin

    lost(0, more=2)
    operator, context = make()
    with pytest.raises(AirflowSkipException, match=r"has no unknown outcomes: nothing to resolve\.$"):
        operator.execute(context)
    lost(1)
    with open_ledger_admin("ledger") as admin:
        admin.resolve(CAMPAIGN, as_sent=True, by="Dana")
    with pytest.raises(AirflowSkipException, match="The last decision: 2 recipients sent, by Dana at"):
        operator.execute(context)


def test_only_what_was_shown_is_decided(lost: Any, ask: Any, ledger: Path) -> None:
    """Not a request that became unknown afterwards, and none that another person has answered."""
    lost(2)
    question = ask()
    lost(1)
    shown = [name for name, _ in question.kept["shown"]]

    from airflow_provider_uspeedo.administration import open_ledger_admin

    with open_ledger_admin("ledger") as admin:
        assert admin.resolve(CAMPAIGN, as_sent=False, by="Dana", request=shown[0]) == 2
    run = question.answer("All sent")
    failed(run, "2 recipients sent, 0 not sent", "Still unknown: 2 recipients.")
    assert {name: run.summary[name] for name in ("sent", "not_sent", "left", "changed", "unknown")} == {
        "sent": 2, "not_sent": 0, "left": 0, "changed": 2, "unknown": 2
    }  # fmt: skip
    assert sorted(decisions(ledger)) == [("not sent", 2, "Dana"), ("sent", 2, "Ann Lee")]


def test_after_a_retry_the_first_question_is_answered_since_airflow_shows_it(lost: Any, ask: Any, ledger: Path) -> None:
    """What it says of requests that are decided by then has no effect, and what it does not show is not decided."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    lost(3)
    first = ask()
    options = first.detail.options
    failed(first.answer(options[3]), "The answer left 4 of them")
    lost(1)
    again = ask(keeping=first)
    assert again.kept == first.kept
    run = again.answer("All not sent")
    failed(run, "0 recipients sent, 4 not sent. Still unknown: 2 recipients.", "with 2 recipients are not as shown")
    assert sorted(decisions(ledger)) == [("not sent", 2, "Ann Lee")] * 2 + [("sent", 2, "Ann Lee")]
    operator, context = make()
    with pytest.raises(AirflowFailException, match=r"2 recipients of other requests are: .*airflow-uspeedo resolve"):
        operator.execute(context)
    assert ask().answer("All sent").error is None


def test_a_request_that_changed_is_left(lost: Any, ask: Any, ledger: Path) -> None:
    """A late answer has settled one of its two recipients: the number is another one than shown."""
    lost(1)
    question = ask()
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute(
            "INSERT INTO uspeedo_outcomes (request_id, key, status) "
            "SELECT request_id, key, 'accepted' FROM uspeedo_recipients LIMIT 1"
        )
    run = question.answer("All not sent")
    failed(run, "0 recipients sent, 0 not sent", "Still unknown: 1 recipient.")
    assert run.summary["changed"] == 2
    assert decisions(ledger) == []


def test_two_people_answer_two_tasks(lost: Any, ask: Any, ledger: Path) -> None:
    """The second answer finds everything decided: the task succeeds, and records nothing."""
    lost(2)
    first, second = ask(), ask()
    assert first.answer("All not sent").error is None
    run = second.answer("All sent", user={"id": "18", "name": "Bob"})
    assert (run.error, run.summary["changed"], run.summary["sent"], run.summary["unknown"]) == (None, 4, 0, 0)
    assert (statuses(ledger), decisions(ledger)) == ({"not_sent": 4}, [("not sent", 2, "Ann Lee")] * 2)


def test_not_sent_is_refused_while_a_request_may_still_arrive(lost: Any, ask: Any, ledger: Path) -> None:
    """In flight, five minutes at most; sent may be said at once."""
    lost(1)
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE uspeedo_requests SET state = 'sending', reason = NULL")
    question = ask()
    assert "in flight: no answer was recorded" in question.detail.body
    failed(
        question.answer("All not sent"), "0 recipients sent, 0 not sent", "with 2 recipients are not as shown, or may"
    )
    assert statuses(ledger) == {"unknown": 2}
    assert ask().answer("All sent").error is None


@pytest.mark.parametrize(
    ("user", "by"),
    [
        (ANN, "Ann Lee"),
        (SimpleNamespace(id="3", name="Cy"), "Cy"),
        ({"id": "ann@example.org", "name": ""}, "ann@example.org"),
        ({"id": "1", "name": "Ann\nLee\x00" + "x" * 300}, "AnnLee" + "x" * 194),
        (None, "a user of Airflow without a name"),
    ],
)
def test_every_name_can_be_kept(lost: Any, ask: Any, ledger: Path, user: Any, by: str) -> None:
    """A decision is not lost for a strange name."""
    lost(1)
    run = ask().answer("All sent", user=user)
    assert (run.error, run.summary["by"], decisions(ledger)) == (None, by, [("sent", 2, by)])


def test_a_campaign_that_the_ledger_does_not_know_fails(lost: Any) -> None:
    """More likely a wrong name than nothing to do."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    lost(1)
    operator, context = make(campaign_id="another")
    with pytest.raises(AirflowFailException, match=r"another.*explain unknown"):
        operator.execute(context)


@pytest.mark.parametrize("campaign_id", ["", " ", "None"])
def test_an_empty_campaign_is_refused(lost: Any, campaign_id: str) -> None:
    """It would be no campaign at all."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    operator, context = make(campaign_id=campaign_id)
    with pytest.raises(AirflowFailException, match="campaign_id"):
        operator.execute(context)


@pytest.mark.parametrize("argument", ["subject", "body", "options", "defaults", "multiple"])
def test_what_the_operator_makes_itself_is_refused_when_the_file_is_parsed(argument: str) -> None:
    """The question is made of the ledger; a default would be an answer that no person gave."""
    from airflow_provider_uspeedo.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=argument):
        make(**{argument: "All sent"})


def test_a_ledger_that_does_not_answer_is_for_a_retry(lost: Any, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded stays; the retry asks about the rest."""
    from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

    from airflow_provider_uspeedo.errors import LedgerUnavailable
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

    lost(2)
    question, real, calls = ask(), LedgerAdmin.resolve, []

    def away(self: Any, *given: Any, **how: Any) -> int:
        calls.append(how["request"])
        if len(calls) == 2:
            raise LedgerUnavailable("The ledger's database does not answer.")
        return real(self, *given, **how)

    monkeypatch.setattr(LedgerAdmin, "resolve", away)
    run = question.answer("All not sent")
    assert isinstance(run.error, AirflowException)
    assert not isinstance(run.error, AirflowFailException)
    assert ask().kept["shown"] == [[calls[1], 2]]


def test_lineage_and_assets_are_told_how_many_were_decided_on(lost: Any, ask: Any, ledger: Path) -> None:
    """Also if something is left unknown; who decided is told to the ledger alone."""
    from airflow.providers.common.compat.sdk import Asset

    lost(2)
    asset = Asset(uri="postgres://warehouse/postgres/public/uspeedo_results")
    events = OutletEvents()
    question = ask()
    run = question.answer(question.option("Sent: request 1"), outlets=[asset], outlet_events=events)
    failed(run, "Still unknown: 2 recipients")
    (written,) = run.operator.lineage_outputs()
    assert (written.namespace, written.name, written.rows) == ("file", f"{ledger}/uspeedo_results", 2)
    assert events[asset].extra == {
        "campaign_id": CAMPAIGN, "sent": 2, "not_sent": 0, "left": 2, "changed": 0, "unknown": 2
    }  # fmt: skip


def test_nothing_that_airflow_keeps_or_logs_shows_a_phone(
    lost: Any, ask: Any, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the question nor what is kept of it, nor log, XCom and errors, whatever the vendor quotes."""
    everyone = lost(3)
    with closing(sqlite3.connect(ledger)) as connection, connection:
        words = f"HTTP 500: {everyone[0]} / {everyone[1].partition(')')[2]}"
        connection.execute("UPDATE uspeedo_requests SET reason = ?", (words,))
    log, logged = logging.getLogger("a resolving task"), logging.handlers.BufferingHandler(1000)
    log.addHandler(logged)
    log.setLevel(logging.DEBUG)
    monkeypatch.setattr(resolve.ResolveUnknownOperator, "log", log)
    question = ask()
    assert r"HTTP 500: \*\*\*\*" in question.detail.body
    runs = [
        question.answer("All sent", "All not sent"),
        question.answer(question.detail.options[3]),
        question.answer("All not sent"),
    ]
    everything = "\n".join(
        map(
            str,
            [
                question.detail, question.kept, question.operator, *(one.getMessage() for one in logged.buffer),
                *((run.error, run.summary, run.instance.xcoms, run.operator) for run in runs),
            ],
        )
    )  # fmt: skip
    assert "recipients" in everything
    for phone in everyone:
        assert phone not in everything
        assert phone.partition(")")[2] not in everything
