# SPDX-License-Identifier: Apache-2.0
"""The notifier: one text for each phone and event, whatever calls it, and no failure of its own that anybody sees."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import logging.handlers
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.notifications import sms
from airflow_provider_uspeedo.notifications.notified_event import event_of
from airflow_provider_uspeedo.notifications.sms import USpeedoNotifier
from airflow_provider_uspeedo.sandbox.server import Sandbox, running
from tests.airflow.conftest import SECRET, connection_to
from tests.airflow.dag_runs import DagRuns, bytes_of
from tests.airflow.notifying import ABOUT, context_of, fail, notifier
from tests.airflow.people import People
from tests.leaks import leaks

Accepted = Callable[[], list[str]]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """All that is logged, with levels."""
    found = logging.handlers.BufferingHandler(10_000)
    own, ours = logging.getLogger("a notifier"), logging.getLogger("airflow_provider_uspeedo")
    for log in (own, ours):
        log.addHandler(found)
        monkeypatch.setattr(log, "level", logging.INFO)
    monkeypatch.setattr(USpeedoNotifier, "log", own)
    yield lambda: "\n".join(f"{one.levelname} {one.getMessage()}" for one in found.buffer)
    for log in (own, ours):
        log.removeHandler(found)


@pytest.fixture
def phone(people: People, sandbox: Sandbox, ledger: Path) -> str:
    """Of a person on call."""
    return str(people(1)[0]["phone"])


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def digits(number: str) -> str:
    return number.partition(")")[2]


# -- once ---------------------------------------------------------------------------------------------------------


def test_each_phone_gets_one_text_with_what_has_happened(
    phone: str, people: People, sandbox: Sandbox, accepted: Accepted, logged: Callable[[], str], ledger: Path
) -> None:
    """Rendered, recorded in the ledger under the name of the event, and logged without a phone."""
    other = people(1)[0]["phone"]
    fail(notifier(phone, other, phone), try_number=2, map_index=3)
    assert sorted(accepted()) == sorted([phone, other])
    assert sandbox.journal()[-1].params == ["charge", "2"]
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute("SELECT campaign_id, status FROM uspeedo_results ORDER BY row_number").fetchall()
    assert rows == [
        ("notify/a_dag/charge/a_run/3/2/failed", status) for status in ("accepted", "accepted", "duplicate")
    ]
    assert "INFO USpeedoNotifier: Of 3 rows: 2 accepted, 1 duplicate; 2 accepted now" in logged()
    assert "ERROR" not in logged()
    assert digits(phone) not in logged()


def test_a_second_call_for_the_event_sends_nothing(
    phone: str, accepted: Accepted, sandbox: Sandbox, logged: Callable[[], str]
) -> None:
    """As Airflow makes it in the DAG processor for a worker that it takes for dead: it knows no state there."""
    requests = len(sandbox.requests())
    for state in ("failed", None, "failed"):
        fail(notifier(phone), state=state)
    fail(notifier(phone, template_params=["changed", "meanwhile"]))
    assert accepted() == [phone]
    sends = [one for one in sandbox.requests()[requests:] if "emplate" not in str(one.action)]
    assert len(sends) <= 1
    assert "nothing was sent: all were texted before" in logged()
    assert "ERROR" not in logged()


def test_another_event_is_another_text(phone: str, accepted: Accepted) -> None:
    """Another try, task, map index, run, DAG or kind of event."""
    one = notifier(phone)
    abouts: list[dict[str, Any]] = [
        {}, {"try_number": 2}, {"task_id": "refund"}, {"map_index": 0}, {"run_id": "b"}, {"dag_id": "b"},
        {"kind": "on_retry_callback"}, {"kind": "on_success_callback"}, {"kind": "on_execute_callback"},
        {"kind": "on_skipped_callback"},
    ]  # fmt: skip
    for about in abouts:
        fail(one, **about)
    assert accepted() == [phone] * len(abouts)


def test_two_notifiers_of_one_event_are_two_rows_and_one_text_for_a_phone_of_both(
    phone: str, people: People, accepted: Accepted, ledger: Path
) -> None:
    """A phone gets one text for an event; who is named by the second one alone gets that one's."""
    other = people(1)[0]["phone"]
    first, second = notifier(phone), notifier(phone, other, template_id="UTA_PLAIN", template_params=[])
    context = context_of(first, second)
    first(context)
    second(context)
    assert sorted(accepted()) == sorted([phone, other])
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT count(*) FROM uspeedo_results").fetchone() == (3,)


CHILD = """
import os, sys
from airflow_provider_uspeedo.api.client import USpeedoClient
from tests.airflow.notifying import fail, notifier

real = USpeedoClient.send_written
def send(self, content):
    if sys.argv[2] == "after":
        real(self, content)
    os._exit(9)
USpeedoClient.send_written = send
fail(notifier(sys.argv[1]))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_a_process_leaves_that_is_killed_while_it_sends_is_not_repeated(
    phone: str, accepted: Accepted, logged: Callable[[], str], moment: str
) -> None:
    """Between the mark and the answer, before or after the API had it: the next call says that it is unknown."""
    killed = subprocess.run([sys.executable, "-c", CHILD, phone, moment], cwd=ROOT, check=False, env=dict(os.environ))
    assert killed.returncode == 9
    before = accepted()
    assert before == [phone] * (moment == "after")
    fail(notifier(phone))
    fail(notifier(phone))
    assert accepted() == before
    assert "ERROR USpeedoNotifier: Of 1 row: 1 unknown" in logged()


def test_an_answer_that_is_lost_is_not_asked_for_again(
    phone: str, accepted: Accepted, sandbox: Sandbox, logged: Callable[[], str]
) -> None:
    sandbox.fault("drop", accepted=True, on="send")
    fail(notifier(phone))
    fail(notifier(phone))
    assert accepted() == [phone]
    assert "ERROR USpeedoNotifier: Of 1 row: 1 unknown" in logged()
    assert digits(phone) not in logged()


# -- its own failures ---------------------------------------------------------------------------------------------


def test_without_a_ledger_nothing_is_sent(
    phone: str, accepted: Accepted, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file on an executor of many machines: each of them would send."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    fail(notifier(phone, results_conn_id=None))
    fail(notifier(phone))
    assert accepted() == []
    assert logged().count("ERROR USpeedoNotifier: results_conn_id ") == 2
    assert "on CeleryExecutor a retry may run on another machine" in logged()


def test_the_file_in_airflow_home_is_used_where_everything_runs_on_one_machine(phone: str, accepted: Accepted) -> None:
    fail(notifier(phone, results_conn_id=None), run_id=phone)
    fail(notifier(phone, results_conn_id=None), run_id=phone)
    assert accepted() == [phone]


def test_an_api_that_is_away_is_an_error_in_the_log(
    phone: str,
    accepted: Accepted,
    logged: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    sandbox: Sandbox,
) -> None:
    """Nothing is raised; once it is back, a call for the same event sends."""
    monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(f"http://127.0.0.1:{closed_port}"))
    one = notifier(phone)
    fail(one)
    assert "ERROR USpeedoNotifier: USpeedo could not be asked for the templates" in logged()
    monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(sandbox.url))
    sandbox.fault("too_many", on="send", retry_after="0", times=sms.ATTEMPTS)
    fail(one)
    assert "ERROR USpeedoNotifier: Of 1 row: 1 not_sent" in logged()
    assert accepted() == []
    fail(one)
    assert accepted() == [phone]


def test_an_api_that_stalls_is_not_waited_for_long(
    phone: str, accepted: Accepted, logged: Callable[[], str], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task waits for its callback, and a DAG processor for all of them."""
    assert sms.MAX_TIMEOUT <= 10
    monkeypatch.setattr(sms, "MAX_TIMEOUT", 0.5)
    sandbox.fault("stall", accepted=True, on="send", seconds=20)
    fail(notifier(phone))
    assert accepted() == [phone]
    assert "ERROR USpeedoNotifier: Of 1 row: 1 unknown" in logged()


def test_a_database_that_is_away_is_an_error_in_the_log(
    phone: str, accepted: Accepted, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    away = {"conn_type": "postgres", "host": "127.0.0.1", "port": closed_port, "login": "a", "schema": "b"}
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps(away))
    monkeypatch.setattr(sms, "MAX_TIMEOUT", 0.5)
    fail(notifier(phone, results_conn_id="away"))
    assert accepted() == []
    assert "ERROR USpeedoNotifier: " in logged()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"uspeedo_conn_id": "nowhere"}, "Airflow knows no connection 'nowhere' here"),
        ({"results_conn_id": "nowhere"}, "Airflow knows no connection 'nowhere' here"),
        ({"results_table": "a b"}, "results_table"),
        ({"template_id": "UTA_NONE"}, "template not found"),
        ({"template_id": "UTA_PENDING", "template_params": ["1"]}, "not approved"),
        ({"template_params": ["1"]}, "template UTA_REMINDER has 2 variables, the row has 1 parameter"),
        ({"template_params": ["{{ nobody.name }}", "1"]}, "a template of the notifier cannot be rendered (Undefined"),
        ({"template_params": ["{{ 1 +", "1"]}, "a template of the notifier cannot be rendered (TemplateSyntaxError"),
        ({"sender_id": "much too long a sender"}, "sender_id has 22 characters"),
        ({"to": "{{ ti.task_id and '' }}"}, "to holds no phone"),
        ({"to": "{{ ti.missing }}"}, "a template of the notifier cannot be rendered (UndefinedError"),
        ({"to": "{{ ('+85255300000,' * 21) }}"}, "to holds 21 phones, and a notifier texts at most 20"),
        ({"to": "{{ [1, 2] }}"}, "to must be a list of phones as texts"),
    ],
    ids=str,
)
def test_what_is_wrong_is_logged_and_raised_nowhere(
    phone: str, accepted: Accepted, logged: Callable[[], str], wrong: dict[str, Any], said: str
) -> None:
    fail(notifier(phone, **wrong))
    assert accepted() == []
    assert "ERROR USpeedoNotifier: " in logged()
    assert said in logged()
    assert digits(phone) not in logged()


def test_an_unforeseen_error_is_logged_without_its_text(
    phone: str, logged: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may quote a phone: the log has where it was raised."""

    def broken(*_: Any) -> None:
        raise RuntimeError(phone)

    monkeypatch.setattr(USpeedoNotifier, "_send", broken)
    fail(notifier(phone))
    assert "ERROR USpeedoNotifier: Unexpected RuntimeError at" in logged()
    assert "in broken" in logged()
    assert digits(phone) not in logged()


def test_a_phone_that_cannot_be_read_keeps_no_other_from_its_text(
    phone: str, accepted: Accepted, logged: Callable[[], str]
) -> None:
    """The log names the row and what to write instead."""
    fail(notifier("5531 1111", phone, "(86)1300000199991"))
    assert accepted() == [phone]
    assert "ERROR USpeedoNotifier: Of 3 rows: 1 accepted" in logged()
    assert "no country code" in logged()
    assert "55311111" not in logged().replace(" ", "")


def test_a_context_that_names_no_event_is_refused(phone: str, accepted: Accepted, logged: Callable[[], str]) -> None:
    """Nobody could tell whether it was about the same."""
    one = notifier(phone, template_params=["a", "b"])
    for context in ({}, {"dag": None}, {"params": {}}):
        one(context)
    assert accepted() == []
    assert logged().count("it cannot tell whether it has sent a text about this before") == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"to": []}, "to holds no phone"),
        ({"to": " , "}, "to holds no phone"),
        ({"to": ["+85255322222"] * 21}, "to holds 21 phones"),
        ({"to": [85255322222]}, "to must be a list of phones as texts"),
        ({"to": None}, "to must be a list of phones as texts"),
        ({"template_params": "+85255322222"}, "template_params must be a list of texts"),
        ({"template_params": [{"a": "+85255322222"}]}, "template_params holds something else"),
    ],
    ids=str,
)
def test_what_can_be_seen_in_the_dag_is_refused_when_it_is_parsed(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        USpeedoNotifier(**{**ABOUT, "to": ["+85255322222"], **given})
    assert "5532" not in str(raised.value)


# -- the policy of the connection ---------------------------------------------------------------------------------


def policy(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, **rules: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(sandbox.url, policy=rules))


def test_the_policy_of_the_connection_holds(
    phone: str,
    people: People,
    accepted: Accepted,
    logged: Callable[[], str],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the company's rule: who opted out is not texted, and at night nobody is."""
    other = people(1)[0]["phone"]
    policy(monkeypatch, sandbox, suppress=[other], countries=["CN"])
    fail(notifier(phone, other, "+85255311111"))
    assert accepted() == [phone]
    assert "ERROR USpeedoNotifier: Of 3 rows: 1 accepted, 2 suppressed" in logged()
    now = datetime.now(UTC)
    hours = [f"{now + timedelta(hours=8 + 3):%H:%M}", f"{now + timedelta(hours=8 + 9):%H:%M}"]  # China's clocks differ
    policy(monkeypatch, sandbox, hours=hours, time_zone_column="zone")
    fail(notifier(phone), run_id="at night")
    assert accepted() == [phone]
    assert "The connection's policy excludes 1 text for its hours" in logged()
    hours = [f"{now + timedelta(hours=8 - 6):%H:%M}", f"{now + timedelta(hours=8 + 6):%H:%M}"]
    policy(monkeypatch, sandbox, hours=hours, time_zone_column="zone", at_most={"texts": 2, "days": 1})
    for run in ("at night", "b", "c"):
        fail(notifier(phone), run_id=run)
    assert accepted() == [phone] * 2


# -- templates, and what Airflow writes ---------------------------------------------------------------------------


def test_phones_may_come_from_a_variable(
    phone: str, people: People, accepted: Accepted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So no phone is in the DAG's file; they are rendered where nobody sees them."""
    other = people(1)[0]["phone"]
    for number, given in enumerate([f"{phone}, {other}", json.dumps([phone, other]), str([phone, other])]):
        context = context_of(one := notifier(to="{{ params.on_call }}"), run_id=str(number))
        context["params"] = {"on_call": given}
        one(context)
        assert "to" not in context
        assert phone not in f"{one!r} {vars(one)} {context['template_params']}"
    assert sorted(accepted()) == sorted([phone, other] * 3)


def test_text_stays_text_where_templates_give_native_objects(phone: str, sandbox: Sandbox) -> None:
    fail(notifier(phone, template_params=["{{ '2026_11_22' }}", "{{ 1 }}"]), native=True)
    assert sandbox.journal()[-1].params == ["2026_11_22", "1"]


def test_tasks_that_share_a_notifier_each_get_their_own_text(phone: str, sandbox: Sandbox) -> None:
    """Rendering must not stay in the notifier of ``default_args``."""
    one = notifier(phone)
    for task in ("a", "b"):
        fail(one, task_id=task)
    assert [entry.params[0] for entry in sandbox.journal()[-2:]] == ["a", "b"]
    assert one.template_params == ABOUT["template_params"]


def test_no_phone_is_in_a_serialized_dag() -> None:
    """In ``default_args``, of a task, of a mapped one, of the DAG; and the text is the same each time it is parsed."""
    from airflow.providers.common.compat.sdk import DAG, BaseOperator

    from airflow_provider_uspeedo.operators.sms import SendBatchSMSOperator
    from tests.airflow.test_send_decorator import serialized

    def made() -> str:
        one = notifier("+85255311111", "+85255311112")
        with DAG(
            "a_dag",
            schedule=None,
            start_date=datetime(2026, 1, 1, tzinfo=UTC),
            default_args={"on_failure_callback": one, "on_retry_callback": [one]},
            on_failure_callback=one,
        ) as dag:
            BaseOperator(task_id="a")
            BaseOperator(task_id="b", on_success_callback=[one, one])
            SendBatchSMSOperator.partial(task_id="c", on_execute_callback=one).expand(recipients=["a", "b"])
        return serialized(dag)

    assert "5531" not in made()
    assert made() == made()
    assert repr(notifier("+85255311111")) == "USpeedoNotifier(to=<1 phones>, template_id='UTA_REMINDER')"


def test_its_arguments_are_those_that_are_promised() -> None:
    found = inspect.signature(USpeedoNotifier.__init__).parameters
    promised = ["to", "template_id", "template_params", "sender_id", "uspeedo_conn_id", "results_conn_id"]
    assert list(found)[1:7] == promised
    assert found["uspeedo_conn_id"].default == "uspeedo_default"
    assert "to" not in USpeedoNotifier.template_fields


# -- what it is about ---------------------------------------------------------------------------------------------


def test_the_end_of_a_dag_run_is_an_event_of_its_own(phone: str, accepted: Accepted) -> None:
    """Its context may have the last task; a run that is cleared ends again."""
    from airflow.providers.common.compat.sdk import DAG

    one = notifier(phone, template_params=["{{ dag.dag_id }}", "{{ run_id }}"])
    dag = DAG("b_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), on_failure_callback=one)
    bare = {"dag": dag, "run_id": "r", "reason": "task_failure"}
    whole = {**context_of(one), "dag": dag, "run_id": "r", "reason": "task_failure"}
    cleared = {**whole, "dag_run": SimpleNamespace(run_id="r", clear_number=1)}
    names = [event_of(context, one).campaign_id for context in (bare, whole, cleared)]
    assert names == ["notify-dag/b_dag/r/0/failed"] * 2 + ["notify-dag/b_dag/r/1/failed"]
    succeeded = {"dag": dag, "run_id": "r", "reason": "success"}
    assert event_of(succeeded, notifier(phone)).campaign_id == "notify-dag/b_dag/r/0/success"
    for context in (bare, whole, cleared):
        one(dict(context))
    assert accepted() == [phone] * 2


@pytest.mark.parametrize(
    ("state", "try_number", "event"),
    [
        ("failed", 1, "failed"),
        ("up_for_retry", 1, "retry"),
        ("success", 1, "success"),
        ("skipped", 1, "skipped"),
        ("running", 1, "execute"),
        (None, 1, "retry"),
        (None, 2, "failed"),
    ],
)
def test_a_notifier_of_several_events_distinguishes_them_by_the_state(
    state: str | None, try_number: int, event: str
) -> None:
    """One object for all of them; a DAG processor knows the tries alone."""
    one = notifier("+85255311111")
    about = context_of(one, state=state, try_number=try_number)
    about["task"].on_retry_callback = [one]
    assert event_of(about, one).campaign_id == f"notify/a_dag/charge/a_run/-1/{try_number}/{event}"
    called_by_a_function = context_of(state=state, try_number=try_number)
    assert event_of(called_by_a_function, one).campaign_id.endswith(f"/{try_number}/{event}")


def test_a_missed_deadline_is_notified_in_the_triggerer(phone: str, accepted: Accepted) -> None:
    """Airflow 3.1 makes the notifier with the context, and awaits it; twice, where two triggerers run one trigger."""
    about = {"dag_id": "a_dag", "dag_run_id": "a_run"}
    context = {"dag_run": about, "deadline": {"id": "7", "deadline_time": datetime(2026, 1, 1, tzinfo=UTC)}}

    async def told() -> None:
        await notifier(phone, template_params=["{{ dag_run.dag_id }}", "late"], context=dict(context))

    for _ in range(2):
        asyncio.run(told())
    assert accepted() == [phone]
    assert event_of(context, None).campaign_id == "notify-deadline/a_dag/a_run/7"


def test_a_wrong_template_in_the_triggerer_is_logged(phone: str, accepted: Accepted, logged: Callable[[], str]) -> None:
    async def told() -> None:
        await notifier(phone, template_params=["{{ nobody.name }}"], context={"deadline": {}, "dag_run": {}})

    asyncio.run(told())
    assert accepted() == []
    assert "ERROR USpeedoNotifier: a template of the notifier cannot be rendered" in logged()


def test_missed_service_levels_of_airflow_2_are_one_event(phone: str) -> None:
    """Airflow 2.11 passes five arguments; whatever order they are in."""
    from airflow.providers.common.compat.sdk import DAG

    slas = [SimpleNamespace(task_id=name, execution_date=datetime(2026, 1, 1, tzinfo=UTC)) for name in "ab"]
    dag = DAG("a_dag", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))
    names = {event_of({"dag": dag, "slas": some}, None).campaign_id for some in (slas, slas[::-1], slas[:1])}
    assert len(names) == 2
    assert all(name.startswith("notify-sla/a_dag/") for name in names)


# -- a DAG run ----------------------------------------------------------------------------------------------------

EXPECTED = sorted(
    [
        ("01", "fails -1"), ("01", "fails_too 0"), ("01", "fails_too 1"), ("02", "notify"), ("04", "tells_two -1"),
        ("05", ""), ("06", "retries -1"), ("07", "succeeds -1"), ("08", "succeeds -1"), ("09", "skips -1"),
    ]
)  # fmt: skip


def test_every_way_to_end_in_a_dag_run(airflow_home: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Airflow's own command: one text for each event, and the tasks end as they would without a notifier."""
    with running(access_key_secret=SECRET) as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", connection_to(sandbox.url))
        runs = DagRuns(airflow_home)
        runs.test("notify")
        texts = sorted((entry.phone[8:10], entry.params[0] if entry.params else "") for entry in sandbox.journal())
    states = {task: state for task, (state, _) in runs.states("notify").items()}
    failing = ("fails", "fails_too", "tells_two", "has_no_connection")
    assert states == {
        **dict.fromkeys(failing, "failed"),
        "retries": states["retries"],
        "succeeds": "success",
        "skips": "skipped",
    }
    assert texts == EXPECTED
    said = runs.output("notify").read_text()
    assert "a task's own failure" in said
    assert "Airflow knows no connection 'nowhere' here" in said
    written = bytes_of(airflow_home / "airflow.db").decode("latin-1") + said
    assert leaks(written, *(f"+861390{number:02}57316" for number in range(1, 10))) == []
    assert written.count("the task's own failure is what is seen") >= 1
