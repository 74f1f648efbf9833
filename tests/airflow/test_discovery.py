# SPDX-License-Identifier: Apache-2.0
"""What Airflow finds once the package is installed: provider, hook, connection form, settings."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_uspeedo
from airflow_provider_uspeedo.get_provider_info import CONNECTION_FIELDS, get_provider_info

ROOT = Path(__file__).parents[2]

AIRFLOW = version("apache-airflow")


@pytest.fixture(scope="module")
def form() -> dict[str, Any]:
    """The connection form of a fresh Airflow."""
    if AIRFLOW.startswith("3.0.") and find_spec("flask_appbuilder") is None:
        pytest.skip("Airflow 3.0 without Flask-AppBuilder asks no provider how its form looks")
    printed = subprocess.run(
        [sys.executable, "-m", "tests.airflow.form"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(printed.stdout.splitlines()[-1])
    return found


def test_the_provider_is_discovered() -> None:
    """Airflow lists the distribution under its own name and version."""
    from airflow.providers_manager import ProvidersManager

    found = ProvidersManager().providers["airflow-provider-uspeedo"]
    assert found.version == airflow_provider_uspeedo.__version__
    assert found.data["name"] == "USpeedo"


def test_the_metadata_is_what_airflow_allows() -> None:
    """The provider's info holds to the schema of the Airflow that runs."""
    import airflow
    import jsonschema

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_a_connection_of_the_type_becomes_our_hook() -> None:
    """Airflow finds the hook by the connection type alone."""
    from airflow.providers_manager import ProvidersManager

    from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook

    info = ProvidersManager().hooks["uspeedo"]
    assert info is not None
    assert (info.hook_class_name, info.hook_name) == ("airflow_provider_uspeedo.hooks.uspeedo.USpeedoHook", "USpeedo")
    assert info.connection_id_attribute_name == USpeedoHook.conn_name_attr


def test_the_form_names_the_standard_fields_as_the_vendor_does(form: dict[str, Any]) -> None:
    """Whoever has a key in hand sees where it goes."""
    assert form["labels"] == {
        "login": "AccessKeyId",
        "password": "AccessKeySecret",
        "host": "Base URL",
        "port": "Port (443; the Test button needs it)",
    }
    assert form["hidden"] == ["schema"]


def test_the_form_has_a_field_for_every_extra(form: dict[str, Any]) -> None:
    """Whoever makes a connection in the browser sees all that the connection understands."""
    assert form["extra"] == sorted(CONNECTION_FIELDS)


def test_the_settings_have_their_defaults() -> None:
    """Without a word in airflow.cfg no ledger is named, and only executors of one machine may use the SQLite file."""
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    from airflow_provider_uspeedo.hooks.ledger_connection import LOCAL_EXECUTORS
    from airflow_provider_uspeedo.hooks.ledger_location import RESULTS_TABLE

    ProvidersManager().initialize_providers_configuration()
    assert conf.get("uspeedo", "local_ledger_executors") == LOCAL_EXECUTORS
    assert conf.get("uspeedo", "results_conn_id") == ""
    assert conf.get("uspeedo", "results_table") == RESULTS_TABLE
