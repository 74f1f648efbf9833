# SPDX-License-Identifier: Apache-2.0
"""``list`` and ``show``: all that is needed for a decision, and nothing is changed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.hooks import ledger_connection
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.campaign.stage import make_order, people
from tests.cli.typing_it import Command, unknown
from tests.ledger.acting import SPEC, Try
from tests.ledger.acting import people as recipients

ONE, OTHER = make_order(campaign_id="invoices 2026-11-22"), make_order(campaign_id="all fine")


def test_the_list_shows_campaigns_and_how_many_wait_for_a_decision(command, warehouse):
    """The newest first, with the number of unknown recipients; decided ones wait no longer."""
    warehouse.run(people(4), OTHER)
    unknown(warehouse, people(7, 10), ONE)
    lines = command("list").out.splitlines()
    assert [line.split()[3:6] for line in lines[1:]] == [["ended", "3", "0"], ["ended", "0", "0"]]
    assert lines[1].endswith("  invoices 2026-11-22")
    command("resolve", ONE.campaign_id, "--as", "sent", "--yes")
    assert command("list").out.splitlines()[1].split()[4] == "0"


def test_the_list_for_a_program_is_json_with_times_in_utc(command, warehouse):
    """Its reader need not guess a zone."""
    unknown(warehouse, people(3), ONE)
    (campaign,) = json.loads(command("list", "--json").out)
    assert (campaign["campaign_id"], campaign["unknown_recipients"]) == (ONE.campaign_id, 3)
    assert datetime.fromisoformat(campaign["created_at"]).utcoffset() == timedelta(0)


def test_a_long_list_is_cut_and_says_so(command, warehouse):
    """Only the newest, and how to see more."""
    for order in (OTHER, ONE):
        warehouse.run(people(1), order)
    said = command("list", "--limit", "1")
    assert (len(said.out.splitlines()), "all fine" in said.out, "--limit shows more" in said.err) == (2, False, True)


def test_a_campaign_is_shown_with_counts_unknowns_and_attempts(command, warehouse):
    """The counts add up, the unknown request is there with its number of recipients, and what may be run next."""
    unknown(warehouse, [*people(7), {"phone": "nobody", "name": "x"}], ONE, at=2)
    printed = command("show", ONE.campaign_id).out
    rows = {
        line.split()[0]: line.split()[1] for line in printed.splitlines() if line.startswith("  ") and line.split()[1:]
    }
    assert {name: rows[name] for name in ("accepted", "invalid", "unknown", "all")} == {
        "accepted": "4", "invalid": "1", "unknown": "3", "all": "8",
    }  # fmt: skip
    assert "Unknown: 3 recipients in 1 request" in printed
    assert "the whole table" in printed
    assert "airflow-uspeedo --conn-id warehouse resolve 'invoices 2026-11-22' --as=not-sent" in printed


def test_a_campaign_for_a_program_is_json(command, warehouse):
    """With the same numbers."""
    unknown(warehouse, people(7), ONE)
    found = json.loads(command("show", ONE.campaign_id, "--json").out)
    assert (found["counts"], found["unknown"]["recipients"]) == ({"accepted": 4, "unknown": 3}, 3)
    assert [attempt["read_whole"] for attempt in found["attempts"]] == [True]


def test_messages_of_the_vendor_are_masked(command, warehouse):
    """A reason may quote a phone; the terminal shows none of it."""
    unknown(warehouse, people(3), ONE)
    with closing(sqlite3.connect(warehouse.file)) as ledger, ledger:
        ledger.execute("UPDATE uspeedo_requests SET reason = 'phone +852 5531 1111 is odd'")
    for words in ([], ["--json"]):
        printed = command("show", ONE.campaign_id, *words).out
        assert ("5531" in printed, "phone ****1111 is odd" in printed) == (False, True)


def test_recipients_in_flight_of_a_running_campaign_wait_for_answers_not_for_a_decision(command, warehouse):
    """No decision is offered on a healthy campaign: they are counted apart."""
    ledger = Ledger(open_engine(f"sqlite:///{warehouse.file}"))
    ledger.prepare()
    one = Try(ledger, ONE.campaign_id)
    flying, lost = one.claim(recipients("abcd"), size=2)
    one.mark(flying)
    (listed,) = json.loads(command("list", "--json").out)
    assert (listed["unknown_recipients"], listed["in_flight_recipients"], listed["open_attempts"]) == (0, 2, 1)
    printed = command("show", ONE.campaign_id).out
    assert "2 recipients are in flight: wait for the answers. Decide only if no task of this campaign runs" in printed
    assert ("Unknown:" in printed, "resolve" in printed) == (False, False)
    one.mark(lost)
    one.mark_unknown(lost)
    assert command("list").out.splitlines()[1].split()[3:8] == ["running", "or", "killed", "2", "2"]
    printed = command("show", ONE.campaign_id).out
    assert ("Unknown: 4 recipients in 2 requests" in printed, "2 recipients are in flight" in printed) == (True, True)
    assert "resolve 'invoices 2026-11-22' --as=not-sent" in printed
    ledger.close()


def test_a_slice_is_shown_as_it_was_given_to_the_operator(command, warehouse):
    """Counted from one."""
    ledger = Ledger(open_engine(f"sqlite:///{warehouse.file}"))
    ledger.prepare()
    ledger.open_attempt(ONE.campaign_id, SPEC, slice_=Slice.parse("1/3"), name="texts")
    ledger.close()
    assert "texts, slice 1/3" in command("show", ONE.campaign_id).out
    (attempt,) = json.loads(command("show", ONE.campaign_id, "--json").out)["attempts"]
    assert (attempt["slice_no"], attempt["slice_count"]) == (1, 3)


@pytest.mark.parametrize("verb", [["show"], ["stop"], ["resume"], ["resolve", "--as", "sent"]])
def test_an_unknown_campaign_is_one_line_that_says_where_to_look(command, warehouse, verb):
    """The nearest name is offered, and the list."""
    warehouse.run(people(1), ONE)
    said = command(*verb, "invoices 2026-11-2")
    assert (said.code, said.out) == (1, "")
    assert said.line.startswith("Error: There is no campaign 'invoices 2026-11-2'")
    assert "Did you mean 'invoices 2026-11-22'?" in said.line
    assert "`airflow-uspeedo --conn-id warehouse list`" in said.line


def test_list_and_show_make_no_ledger(command, warehouse):
    """Where there is none, the message says where it looked."""
    assert command("list", "--json").out.strip() == "[]"
    missing = f"the file {warehouse.file} does not exist"
    assert command("list").line == (f"There is no ledger in connection 'warehouse', table uspeedo_results: {missing}.")
    said = command("show", "x")
    assert said.code == 1
    assert f"There is no ledger here yet ({missing})" in said.line
    assert "connection 'warehouse', table uspeedo_results" in said.line
    assert not warehouse.file.exists()


def test_without_a_connection_the_message_names_the_file(warehouse):
    """The usual mistake at night: --conn-id forgotten."""
    said = Command()("show", "x")
    assert "uspeedo_ledger.db (no --conn-id was given, and [uspeedo] results_conn_id is not set)" in said.line


def test_without_an_option_the_settings_decide(warehouse, monkeypatch):
    """As they do for a task; what the line names wins over them."""
    warehouse.run(people(1), ONE)
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "warehouse")
    assert Command()("list", "--json") == Command("--conn-id", "warehouse")("list", "--json")
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "nowhere")
    assert Command("--conn-id", "warehouse")("list").code == 0
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_TABLE", "sms.texts")
    assert '"sms"."texts"' in Command()("ddl", "--dialect", "postgresql").out
    assert '"sms"."mine"' in Command("--results-table", "sms.mine")("ddl", "--dialect", "postgresql").out


def test_the_message_says_which_setting_led_there_and_where_else_to_look(warehouse, monkeypatch, tmp_path):
    """Once the setting stands, the campaigns from before it are in the file: the line that lists them can be copied."""
    warehouse.run(people(1), ONE)
    file = tmp_path / "uspeedo_ledger.db"
    monkeypatch.setattr(ledger_connection, "default_file", lambda: file)
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_CONN_ID", "warehouse")
    monkeypatch.setenv("AIRFLOW__USPEEDO__RESULTS_TABLE", "texts")
    settings = "connection 'warehouse' (from [uspeedo] results_conn_id), table texts (from [uspeedo] results_table)"
    said = Command()("show", "absent")
    assert f"Looked in {settings}." in said.line
    assert "airflow-uspeedo list" in said.line
    assert "before the setting" not in said.line
    file.touch()
    said = Command()("show", "absent")
    connection = json.dumps({"conn_type": "sqlite", "host": str(file)})
    assert f"may be in the SQLite file {file}: `AIRFLOW_CONN_FORMER='{connection}' airflow-uspeedo" in said.line
    assert "--conn-id former list`" in said.line
    assert "before the setting" not in Command("--conn-id", "warehouse")("show", "absent").line


@pytest.mark.parametrize(("version", "what"), [(1, "Run `airflow-uspeedo migrate`"), (99, "install that version here")])
def test_a_ledger_of_another_version_is_refused(command, warehouse, version, what):
    """One line that says what to do."""
    warehouse.run(people(1), ONE)
    with closing(sqlite3.connect(warehouse.file)) as ledger, ledger:
        ledger.execute("UPDATE uspeedo_ledger SET version = ?", (version,))
    said = command("list")
    assert (said.code, what in said.line) == (1, True)


def test_an_empty_ledger_has_no_campaigns(command, warehouse):
    """Its file exists, and the message does not say otherwise."""
    with warehouse.ledger() as ledger:
        ledger.prepare()
    assert command("list").line == "There are no campaigns in connection 'warehouse', table uspeedo_results."


@pytest.mark.parametrize(
    "verb", [["list"], ["show", "invoices 2026-11-22", "--json"], ["resolve", "invoices 2026-11-22", "--as=sent"]]
)
def test_the_options_of_the_command_may_stand_after_the_verb(warehouse, verb):
    """Before it, after it, and after its arguments; what stands after the verb wins."""
    warehouse.run(people(1), ONE)
    expected = Command("--conn-id", "warehouse")(*verb)
    assert expected.code == 0
    assert Command()(*verb, "--conn-id", "warehouse") == expected
    assert Command()(verb[0], "--results-table=uspeedo_results", "--conn-id=warehouse", *verb[1:]) == expected
    assert Command("--conn-id", "elsewhere")(*verb, "--debug", "--conn-id=warehouse") == expected


@pytest.mark.parametrize("option", ["--conn-id", "--results-table"])
@pytest.mark.parametrize("words", [["list"], ["prune", "--older-than", "90d"], ["suppress", "list"]], ids=" ".join)
def test_an_option_without_its_value_is_refused(words, option):
    """The command would go on with another ledger than the one that was to be named."""
    said = Command()(*words, option)
    assert said.code == 2
    assert f"Option '{option}' requires an argument" in said.err
