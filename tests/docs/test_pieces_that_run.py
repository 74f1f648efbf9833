# SPDX-License-Identifier: Apache-2.0
"""The queries and the Python of the documents do what the pages say, on a ledger that a campaign has written."""

from __future__ import annotations

import json
import shlex

import pyarrow as pa
import pytest
from click.testing import CliRunner

from airflow_provider_uspeedo.campaign.campaign import Campaign
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.preflight import prepare
from airflow_provider_uspeedo.campaign.stop_signal import StopSignal
from airflow_provider_uspeedo.cli.command import airflow_uspeedo
from airflow_provider_uspeedo.core.rows import Columns
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from airflow_provider_uspeedo.sandbox.server import running
from tests.docs.pages import DOCS, code
from tests.ledger.servers import KINDS, empty_database

CAMPAIGN = "invoices 2026-11-22"
"""The name in the documents' examples."""
HEADINGS = {
    "sqlite": {"On every database", "SQLite", "Size"},
    "postgresql": {"On every database", "PostgreSQL", "Size"},
    "mysql": {"On every database", "MySQL and MariaDB", "Size"},
}
PEOPLE = ["+852 5531 1111", "+852 5531 2222", "+852 5531 3333", "not known"]


def text_people(ledger, hook):
    """Run one try of the documents' campaign; returns its counts."""
    config = CampaignConfig(CAMPAIGN, Columns(phone="phone"), template_id="UTA_PLAIN")
    reading = prepare(config, pa.table({"phone": PEOPLE}), hook.query_templates)
    ledger.prepare()
    campaign = Campaign(config, reading, ledger, hook.client.send_written, StopSignal(), in_flight_timeout=0.1)
    return {status: rows for status, rows in campaign.run().summary.counts.items() if rows}


def python(heading):
    """The first piece of Python below a heading of the runbook."""
    return next(piece.text for piece in code("python", [DOCS / "runbook.md"]) if piece.heading == heading)


@pytest.fixture
def sandbox(monkeypatch):
    """A sandbox that the connection ``uspeedo_default`` leads to."""
    with running(port=0) as found:
        fields = {"conn_type": "uspeedo", "login": "sandbox", "password": "sandbox-secret", "host": found.url}
        monkeypatch.setenv("AIRFLOW_CONN_USPEEDO_DEFAULT", json.dumps(fields))
        yield found


@pytest.fixture
def hook(sandbox):
    """The client behind that connection."""
    found = USpeedoHook()
    yield found
    found.client.close()


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    """A ledger in SQLite behind the connection ``warehouse``, as the examples call it."""
    path = tmp_path / "ledger.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    found = Ledger(open_engine(f"sqlite:///{path}"))
    yield found
    found.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_queries_of_the_documents_run(kind, tmp_path, hook):
    """Each on the databases that its heading names."""
    with empty_database(kind, tmp_path) as address:
        ledger = Ledger(open_engine(address))
        text_people(ledger, hook)
        pieces = [piece for piece in code("sql") if piece.page.name != "results.md" or piece.heading in HEADINGS[kind]]
        assert {piece.page.name for piece in pieces} == {"README.md", "results.md", "runbook.md"}
        with ledger.database.engine.begin() as connection:
            for piece in pieces:
                for statement in piece.text.split(";\n"):
                    if statement.strip():
                        connection.exec_driver_sql(statement.replace("%", "%%") if kind != "sqlite" else statement)
        ledger.close()


@pytest.mark.parametrize("said", ["sent", "not sent"])
def test_the_dag_of_the_runbook_resolves_lost_answers(said, sandbox, hook, ledger):
    """Resolved as sent they are accepted, as not sent the next attempt sends to them; and not before."""
    sandbox.fault("drop", at=1, accepted=said == "sent")
    assert text_people(ledger, hook) == {"unknown": 3, "invalid": 1}
    assert text_people(ledger, hook) == {"unknown": 3, "invalid": 1}
    text = next(piece.text for piece in code("python", [DOCS / "runbook.md"]) if "@dag(" in piece.text)
    names = {}
    exec(text.replace("\nuspeedo_resolve()\n", "\nmade = uspeedo_resolve()\n"), names)
    resolve = names["made"].get_task("resolve").python_callable
    form = {"campaign": CAMPAIGN, "outcome": said, "recipients": 3, "by": "Dana", "results_conn_id": "warehouse"}
    assert resolve(params={**form, "results_table": "uspeedo_results"}) == 3
    assert text_people(ledger, hook) == {"accepted": 3, "invalid": 1}
    assert len(sandbox.journal()) == 3


def test_the_commands_of_the_runbook_resolve_them_too(sandbox, hook, ledger):
    """At a shell, as the section of unknown outcomes shows."""
    sandbox.fault("drop", at=1)
    text_people(ledger, hook)
    lines = [line for piece in code("console", [DOCS / "runbook.md"]) for line in piece.text.splitlines()]
    typed = [shlex.split(line)[1:] for line in lines if " resolve " in line and "--as sent" in line]
    assert typed
    said = CliRunner().invoke(airflow_uspeedo, [*typed[0][1:], "--yes"])
    assert (said.exit_code, "Recorded 3 recipients" in said.output) == (0, True)
    assert text_people(ledger, hook) == {"accepted": 3, "invalid": 1}


@pytest.mark.parametrize("piece", code("console"), ids=str)
def test_every_command_that_the_documents_show_can_be_typed(piece):
    """Its verb, options and arguments are those of the command."""
    for line in piece.text.splitlines():
        if line.startswith("$ airflow-uspeedo "):
            words = shlex.split(line.partition(" > ")[0])[2:]
            while words[0].startswith("--"):  # the options before the verb have a value each
                assert words[0] in {name for option in airflow_uspeedo.params for name in option.opts}
                words = words[2:]
            airflow_uspeedo.commands[words[0]].make_context(words[0], words[1:])


def test_receipts_show_which_recipients_were_texted(sandbox, hook, ledger, capsys):
    """The API accepted two of three and did not say which; their receipts do, and nothing follows for the third."""
    sandbox.fault("unlisted", at=1, count=1)
    assert text_people(ledger, hook) == {"unknown": 3, "invalid": 1}
    sandbox.ripen()
    exec(python("Asking the receipts"), {})
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 3"
    assert text_people(ledger, hook) == {"accepted": 2, "unknown": 1, "invalid": 1}


def test_an_answer_in_the_log_is_settled_by_hand(sandbox, hook, ledger, capsys):
    """With the id of the request, as the log has it, and only its recipients."""
    sandbox.fault("drop", at=1)
    text_people(ledger, hook)
    requests = ledger.tables.requests
    with ledger.database.streaming() as connection:
        (request,) = connection.execute(requests.select()).all()
    lines = python("An answer in the log").splitlines()
    lines = [f"REQUEST = {request.id.hex()!r}" if line.startswith("REQUEST = ") else line for line in lines]
    exec("\n".join(lines), {})
    assert capsys.readouterr().out.splitlines()[-1] == "3"
    assert text_people(ledger, hook) == {"accepted": 3, "invalid": 1}
