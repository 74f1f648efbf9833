# SPDX-License-Identifier: Apache-2.0
"""The command as a process of its own: at a shell, in a pipe, at a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from airflow_provider_uspeedo.cli.command import airflow_uspeedo
from airflow_provider_uspeedo.runbook import runbook
from tests.campaign.stage import CAMPAIGN, make_order, people
from tests.cli.typing_it import ROOT, Command, unknown

HEAVY = ("airflow", "pandas", "phonenumbers", "pyarrow", "requests", "sqlalchemy")
LIST = "import sys; import airflow_provider_uspeedo.cli; print(*{name.partition('.')[0] for name in sys.modules})"


def test_nothing_heavy_is_imported_before_a_verb_runs():
    """Help and completion are quick."""
    listed = subprocess.run([sys.executable, "-c", LIST], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(HEAVY).isdisjoint(listed.stdout.split())


LISTS = """
import sys
from airflow_provider_uspeedo.cli.command import airflow_uspeedo
airflow_uspeedo.main(sys.argv[1:], standalone_mode=False)
print("loaded:", *{name.partition('.')[0] for name in sys.modules})
"""
NOT_FOR_A_LIST = {"airflow", "pandas", "phonenumbers", "requests"}


@pytest.mark.parametrize(
    ("options", "settings"),
    [(["--conn-id", "warehouse"], ""), ([], ""), ([], "[uspeedo]\nresults_conn_id = warehouse\n")],
    ids=["environment", "default file", "setting"],
)
def test_a_list_does_not_import_airflow(warehouse, options, settings):
    """Its start takes longer than all else: a plain connection, and the default file, are found without it."""
    warehouse.run(people(3))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    connection = os.environ["AIRFLOW_CONN_WAREHOUSE"]
    if settings:
        (warehouse.folder / "airflow.cfg").write_text(settings)
    else:
        (warehouse.folder / "uspeedo_ledger.db").symlink_to(warehouse.file)
    done = subprocess.run(
        [sys.executable, "-c", LISTS, *options, "list", "--json"],
        env={**environment, "AIRFLOW_HOME": str(warehouse.folder), "AIRFLOW_CONN_WAREHOUSE": connection},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    printed, _, loaded = done.stdout.partition("loaded:")
    assert [campaign["campaign_id"] for campaign in json.loads(printed)] == [CAMPAIGN]
    assert NOT_FOR_A_LIST.isdisjoint(loaded.split())


@pytest.mark.airflow
def test_a_secrets_backend_wins_over_the_environment(command, warehouse, tmp_path):
    """In the order that Airflow documents."""
    warehouse.run(people(3))
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"warehouse": json.loads(os.environ["AIRFLOW_CONN_WAREHOUSE"])}))
    done = command.process(
        "list",
        "--json",
        AIRFLOW_CONN_WAREHOUSE=json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "other.db")}),
        AIRFLOW__SECRETS__BACKEND="airflow.secrets.local_filesystem.LocalFilesystemBackend",
        AIRFLOW__SECRETS__BACKEND_KWARGS=json.dumps({"connections_file_path": str(secrets)}),
    )
    assert [campaign["campaign_id"] for campaign in json.loads(done.out)] == [CAMPAIGN]


def verbs(group, *above):
    """The words of each command, those of groups of verbs in full."""
    for name, command in group.commands.items():
        yield from verbs(command, *above, name) if hasattr(command, "commands") else [(*above, name)]


@pytest.mark.parametrize("words", list(verbs(airflow_uspeedo)), ids=" ".join)
def test_the_help_of_every_verb_has_an_example_and_the_page(words):
    """The example names the verb, and is a line that can be copied."""
    verb = " ".join(words)
    printed = Command()(*words, "--help").out
    example, section = re.search(r"Example:\n(.*?)\n(\nWhat to do:\n.*)?\Z", printed, re.DOTALL).groups()
    assert re.search(rf"^  airflow-uspeedo .*\b{verb}\b", example)
    explained = re.fullmatch(r"\nWhat to do:\n  airflow-uspeedo explain ([a-z-]+)\n", section or "")
    assert (explained[1] in runbook().sections) if explained else words == ("explain",)


def test_stdout_holds_json_alone(command, warehouse):
    """It can be parsed; stderr is empty, too."""
    unknown(warehouse, people(3), make_order())
    said = command.process("show", CAMPAIGN, "--json", AIRFLOW_USPEEDO_RESULTS_TABLE="uspeedo_results")
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["counts"] == {"unknown": 3}


def test_an_error_is_one_line_without_a_traceback(warehouse):
    """On stderr, with exit code 1; the connection comes from the environment here."""
    said = Command().process("show", "absent", AIRFLOW_USPEEDO_CONN_ID="warehouse")
    assert (said.code, said.out) == (1, "")
    assert said.line.startswith("Error: There is no ledger here yet")


def test_a_reader_that_goes_away_is_no_error(command, warehouse):
    """As ``head`` does with a long list; nothing is written to stderr."""
    for number in range(3):
        warehouse.run(people(1), make_order(campaign_id=f"{number} {'long' * 200}"))
    with subprocess.Popen(
        command.line("list", "--json"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        child.stdout.close()
        assert (child.wait(timeout=120), child.stderr.read()) == (1, b"")


CTRL_C = "\x03"
AT_A_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # which tests that run in the background were told to ignore
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def at_a_terminal(line):
    """The command with a terminal of its own; yields a function that types, and reads until something is said."""
    terminal, theirs = pty.openpty()
    line = [sys.executable, "-c", AT_A_TERMINAL, *line]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with subprocess.Popen(line, **streams, cwd=ROOT, start_new_session=True) as child:
        os.close(theirs)

        def talk(keys, until):
            deadline, seen = time.monotonic() + 60, ""
            os.write(terminal, keys.encode())
            while until not in seen:
                assert time.monotonic() < deadline, seen
                if select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 10_000).decode()
                elif keys == CTRL_C:  # Python misses one that comes as it is just about to read
                    os.write(terminal, keys.encode())
            return seen

        try:
            yield talk, lambda: child.wait(timeout=60)
        finally:
            child.kill()
            os.close(terminal)


@pytest.mark.parametrize("keys", [CTRL_C, "n\n"], ids=["Ctrl-C", "no"])
def test_only_a_yes_changes_anything(command, warehouse, keys):
    """At the question that states the number; it ends without a traceback."""
    unknown(warehouse, people(3), make_order())
    with at_a_terminal(command.line("resolve", CAMPAIGN, "--as", "not-sent")) as (talk, ended):
        talk("", until="Record 3 recipients as NOT sent? [y/N]: ")
        printed = talk(keys, until="Nothing was changed.")
        assert "Traceback" not in printed
        assert ended() == 1
    assert warehouse.statuses() == ["unknown"] * 3


def test_a_yes_at_the_terminal_is_enough(command, warehouse):
    """The usual way."""
    unknown(warehouse, people(3), make_order())
    with at_a_terminal(command.line("resolve", CAMPAIGN, "--as", "sent", "--by", "Dana")) as (talk, ended):
        talk("", until="Record 3 recipients as sent? [y/N]: ")
        talk("y\n", until="Recorded 3 recipients")
        assert ended() == 0
    assert warehouse.statuses() == ["accepted"] * 3


def test_a_phone_that_is_asked_for_is_not_shown(command, warehouse):
    """It is neither on the screen nor in a recording of it."""
    warehouse.run(people(2))
    with at_a_terminal(command.line("forget")) as (talk, ended):
        talk("", until="Phone (not shown): ")
        printed = talk("+852 5000 0001\n", until="Blank it? [y/N]: ")
        assert ("5000 0001" in printed, "(852)****0001" in printed) == (False, True)
        talk("y\n", until="Blanked in 1 campaign")
        assert ended() == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_database_that_does_not_answer_is_one_line(kind):
    """It is given a minute, no more; the password is in no line."""
    connection = json.dumps({
        "conn_type": kind, "host": "127.0.0.1", "port": 1, "login": "me", "password": "hush", "schema": "x",
    })  # fmt: skip
    said = Command("--conn-id", "away").process("list", AIRFLOW_CONN_AWAY=connection)
    assert (said.code, said.out, "hush" in said.err) == (1, "", False)
    assert said.line.startswith("Error: The ledger's database failed")


@pytest.mark.airflow
def test_a_connection_in_airflows_own_database_is_found(warehouse, tmp_path):
    """Where most connections are kept; outside a task Airflow 3 does not look there by itself."""
    warehouse.run(people(3))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment = {**kept, "AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    for words in (
        ["db", "migrate"],
        ["connections", "add", "kept", "--conn-json", os.environ["AIRFLOW_CONN_WAREHOUSE"]],
    ):
        subprocess.run([sys.executable, "-m", "airflow", *words], env=environment, check=True, capture_output=True)
    line = Command("--conn-id", "kept").line("list", "--json")
    done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [campaign["campaign_id"] for campaign in json.loads(done.stdout)] == [CAMPAIGN]
    absent = Command("--conn-id", "nowhere").line("list")
    done = subprocess.run(absent, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Airflow knows no connection 'nowhere' here.")
    assert "AIRFLOW_CONN_NOWHERE" in done.stderr
