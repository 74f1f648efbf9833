# SPDX-License-Identifier: Apache-2.0
"""``make airflow-ui`` from its first line to Ctrl-C. The last tests of the folder: no other can follow."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil

from dags_examples.airflow_ui.services import MARK
from tests.browser.running_ui import ROOT, RunningUi

EXAMPLES = {path.stem for path in (ROOT / "dags_examples").glob("*.py")}


def test_the_package_is_the_one_of_the_wheel(ui: RunningUi) -> None:
    """Every process starts where no source folder is, and imports what was installed."""
    services = [process for process in ui.processes() if "airflow" in " ".join(process.cmdline())]
    assert services
    for process in services:
        assert Path(process.cwd()) == ui.folder
        assert process.environ()["PYTHONSAFEPATH"] == "1"
    python = ROOT / ".venv-ui" / "bin" / "python"
    ask = "import airflow_provider_uspeedo as found; print(found.__file__)"
    said = subprocess.run([python, "-P", "-c", ask], cwd=ui.folder, capture_output=True, text=True, check=True).stdout
    assert Path(said.strip()).is_relative_to(ROOT / ".venv-ui" / "lib")


def test_the_examples_are_there_and_read_without_an_error(ui: RunningUi) -> None:
    assert ui.api().dag_ids() >= {*EXAMPLES, "first_texts"}
    assert ui.api().call("GET", "importErrors")["import_errors"] == []


def test_a_second_start_in_the_same_folder_is_refused(ui: RunningUi) -> None:
    """Before it touches anything."""
    again = ["make", "-s", "airflow-ui", f"AIRFLOW_UI=--folder {ui.folder} --port 18080 --sandbox-port 18025"]
    refused = subprocess.run(again, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "in use by another make airflow-ui" in refused.stdout
    assert ui.api().is_healthy()


def test_passwords_are_for_the_owner_alone(ui: RunningUi) -> None:
    assert (ui.folder.stat().st_mode & 0o777, (ui.folder / "passwords.json").stat().st_mode & 0o777) == (0o700, 0o600)


def test_ctrl_c_leaves_no_process(ui: RunningUi) -> None:
    """While a task runs: services, supervisors, tasks and the sandbox are gone, and the ports free."""
    api = ui.api()
    api.call("PATCH", "dags/first_texts", {"is_paused": False})
    api.call("POST", "dags/first_texts/dagRuns", {"dag_run_id": "cut", "conf": {}, "logical_date": None})
    before = ui.processes()
    assert len(before) >= 5
    ui.interrupt()
    assert ui.processes() == []
    assert not [process for process in before if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert "Nothing of it runs any more" in (ui.folder.parent / "said.txt").read_text()


def test_a_start_ends_what_a_killed_one_has_left(ui: RunningUi) -> None:
    """The processes of a home are known by its path: an orphan is ended before the next start.

    What a person runs on that home in a shell of their own is left alone, by the start and by Ctrl-C.
    """
    home = {**os.environ, "AIRFLOW_HOME": str(ui.folder)}
    orphan = subprocess.Popen(["sleep", "600"], env={**home, MARK: str(ui.folder)})
    of_a_person = subprocess.Popen(["sleep", "600"], env=home)
    try:
        again = ["make", "-s", "airflow-ui", f"AIRFLOW_UI=--folder {ui.folder} --port 18080 --sandbox-port 18025"]
        output = ui.folder.parent / "again.txt"
        with output.open("wb") as said:
            make = subprocess.Popen(again, cwd=ROOT, stdout=said, stderr=said, start_new_session=True)
        assert orphan.wait(timeout=60) == -signal.SIGTERM
        os.killpg(make.pid, signal.SIGINT)
        make.wait(timeout=60)
        assert [process.pid for process in ui.processes()] == [of_a_person.pid]
    finally:
        for process in (orphan, of_a_person):
            process.kill()
            process.wait()
