# SPDX-License-Identifier: Apache-2.0
"""The button *Test* of the connection form, pressed through Airflow's own API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_uspeedo.sandbox.server import Sandbox
from tests.airflow.conftest import SECRET

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(airflow_version < "3.3", reason="the button of 3.3 sends a port, empty or not")


def test_the_button_confirms_a_connection_that_names_its_port(airflow_home: Path, sandbox: Sandbox) -> None:
    """Airflow 3.3 compares the port with the stored one; the form must offer it, and warn of no secret."""
    port = sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "tests.airflow.form_button", sandbox.url, port, '{"api": "action"}']
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SECRET": SECRET}, check=True, capture_output=True, text=True
    )
    answer = json.loads(run.stdout.splitlines()[-1])
    assert (answer["code"], answer["status"]) == (200, True)
    assert "answers and accepts the key" in answer["message"]
    assert "too short" not in run.stdout + run.stderr
