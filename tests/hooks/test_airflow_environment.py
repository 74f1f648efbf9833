# SPDX-License-Identifier: Apache-2.0
"""What is read without importing Airflow is what Airflow itself would say; where that is uncertain, it is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.configuration import conf
from airflow.models.connection import Connection

from airflow_provider_uspeedo.hooks import airflow_environment
from airflow_provider_uspeedo.hooks.airflow_environment import AskAirflow

FIELDS = ("conn_type", "host", "schema", "login", "password", "port")
PLAIN = [
    "postgresql://ann:s%40cret@db.example.com:5433/ledger?connect_timeout=5&sslmode=require",
    "postgres://ann@DB.Example.com/ledger",
    "mysql://ann:@db:3306/a%2Fb?charset=utf8mb4",
    "mysql://db/ledger?__extra__=%7B%22read_timeout%22%3A+30%7D",
    "sqlite:////srv/Ledger.db",
    "sqlite://%2Fsrv%2FLedger.db",
    "sqlite:///srv/ledger.db?x=&y=yes",
    "google-cloud-platform://",
    "postgres://[::1]:5432/ledger",
    json.dumps({"conn_type": "sqlite", "host": "/srv/ledger.db"}),
    json.dumps({"conn_type": "postgresql", "host": "db", "port": "5433", "extra": {"sslmode": "require"}}),
    json.dumps({"conn_type": "my-sql", "login": "ann", "password": "hush", "schema": "x", "extra": '{"a": 1}'}),
    '  {"conn_type": "mysql", "host": null, "extra": "", "port": 0, "description": "of the day"}\n',
]
NOT_PLAIN = [
    "", "   ", "{", "[]", "nonsense", "sqlite:/x", "HTTP://db/x", "http://https://db", "postgres://db:port/x",
    "postgres://db/x?__extra__=%5B1%5D", "postgres://db/x?__extra__=%7B", "mysql://db?ssl=%7B%7D", "postgres://db?x=true",
    '{"conn_type": "x", "extra": "[1]"}',
    '{"conn_type": "x", "extra": "{"}', '{"conn_type": "x", "port": "many"}', '{"conn_type": "x", "hostname": "db"}',
    '{"host": "db"}', '{"conn_type": "x", "host": 5}', '{"conn_type": "x", "uri": "x://y"}', "[" * 100_000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An AIRFLOW_HOME without a configuration file."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_CONFIG", raising=False)
    return tmp_path


@pytest.mark.parametrize("value", PLAIN)
def test_a_plain_connection_is_read_as_airflow_reads_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Field by field, as a URI and as JSON; numbers in a URI are numbers on Airflow 3 and text on Airflow 2."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", value)
    found = airflow_environment.connection("lake")
    theirs = Connection.get_connection_from_secrets("lake")
    assert found is not None
    assert [getattr(found, name) or None for name in FIELDS] == [getattr(theirs, name) or None for name in FIELDS]
    ours, extra = found.extra_dejson, theirs.extra_dejson
    assert {name: str(value) for name, value in ours.items()} == {name: str(value) for name, value in extra.items()}


@pytest.mark.parametrize("value", NOT_PLAIN)
def test_airflow_is_asked_about_every_other_value(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its own words for what is wrong."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", value)
    assert airflow_environment.connection("lake") is None


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection in a traceback has neither password nor extras."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "postgres://ann:hush@db/x?token=hushed")
    assert "hush" not in repr(airflow_environment.connection("lake"))


def test_a_secrets_backend_is_asked_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configured by a variable or in the file; also if the file cannot be read."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "sqlite:////srv/ledger.db")
    file = folder / "airflow.cfg"
    file.write_text("[secrets]\nbackend =\nuse_cache = True\n")
    assert airflow_environment.connection("lake") is not None
    assert airflow_environment.connection("team___lake") is None
    for text in ("[secrets]\nbackend = my.Backend\n", "no section\n"):
        file.write_text(text)
        assert airflow_environment.connection("lake") is None
    file.write_bytes(b"[secrets]\nbackend = \xff\n")
    assert airflow_environment.connection("lake") is None
    file.unlink()
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "my.Backend")
    assert airflow_environment.connection("lake") is None


def test_an_option_is_that_of_the_variable_or_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the default; Airflow is asked what it would make of anything that is not literal."""
    assert airflow_environment.option("core", "executor", "LocalExecutor") == "LocalExecutor"
    monkeypatch.setenv("AIRFLOW_CONFIG", "~/other.cfg")
    monkeypatch.setenv("HOME", str(folder))
    (folder / "other.cfg").write_text("[core]\nexecutor = CeleryExecutor\nhostname = $HOST\n")
    assert airflow_environment.option("core", "executor", "LocalExecutor") == "CeleryExecutor"
    with pytest.raises(AskAirflow):
        airflow_environment.option("core", "hostname", "")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    assert airflow_environment.option("core", "executor", "LocalExecutor") == conf.get("core", "executor")


def test_the_home_is_expanded_as_airflow_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable in a variable, too."""
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("WHERE", "~/flows")
    monkeypatch.setenv("AIRFLOW_HOME", "$WHERE/a")
    assert airflow_environment.home() == "/home/ann/flows/a"
    monkeypatch.delenv("AIRFLOW_HOME")
    assert airflow_environment.home() == "/home/ann/airflow"
