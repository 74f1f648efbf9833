# SPDX-License-Identifier: Apache-2.0
"""Which database the ledger is in, and when that is refused: an empty ledger texts everyone again."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks import ledger_connection as ledgers
from airflow_provider_uspeedo.hooks import ledger_url
from airflow_provider_uspeedo.hooks.ledger_connection import FILE_NAME, default_file, open_ledger
from airflow_provider_uspeedo.hooks.ledger_url import SERVER_DEFAULTS

SECRET = "canary-secret-5c0ffee"
Connect = Callable[..., str]


def address(conn_id: str) -> tuple[URL, dict[str, Any]]:
    from airflow.providers.common.compat.sdk import BaseHook

    return ledger_url.url_of(BaseHook.get_connection(conn_id), conn_id)


def url_of(conn_id: str) -> URL:
    ledger = open_ledger(conn_id, "uspeedo_results")
    try:
        return ledger.database.engine.url
    finally:
        ledger.close()


# -- SQLite -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["host", "schema"])
def test_a_sqlite_connection_names_the_file(connect: Connect, tmp_path: Path, field: str) -> None:
    """In either of the fields in which Airflow puts a path; nothing is created by opening it."""
    file = tmp_path / "with space.db"
    url = url_of(connect("lake", conn_type="sqlite", **{field: str(file)}))
    assert (url.drivername.partition("+")[0], url.database) == ("sqlite", str(file))
    assert not file.exists()


@pytest.mark.parametrize("path", ["ledger.db", "./ledger.db", "", ":memory:", "~/ledger.db"])
def test_a_sqlite_path_that_depends_on_where_one_stands_is_refused(connect: Connect, path: str) -> None:
    """The next attempt may stand elsewhere."""
    with pytest.raises(ConfigurationError, match="Connection 'lake' must name the SQLite file by an absolute path"):
        open_ledger(connect("lake", conn_type="sqlite", host=path), "uspeedo_results")


def test_a_folder_that_does_not_exist_is_named(connect: Connect, tmp_path: Path) -> None:
    """SQLite would only say that it is unable to open the file."""
    with pytest.raises(ConfigurationError, match="its folder does not exist"):
        open_ledger(connect("lake", conn_type="sqlite", host=str(tmp_path / "none" / "ledger.db")), "uspeedo_results")


# -- servers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conn_type", "drivers"),
    [
        ("postgres", ("postgresql+psycopg2", "postgresql+psycopg")),
        ("postgresql", ("postgresql+psycopg2", "postgresql+psycopg")),
        ("mysql", ("mysql+mysqldb", "mysql+pymysql")),
        ("MySQL", ("mysql+mysqldb", "mysql+pymysql")),
        ("mariadb", ("mysql+mysqldb", "mysql+pymysql")),
    ],
)
def test_a_servers_address_is_taken_from_the_connection(
    connect: Connect, conn_type: str, drivers: tuple[str, ...]
) -> None:
    """With a password of any characters, and the first driver that is installed."""
    fields = {"login": "me", "password": "p@ss/w:rd?%20", "host": "db.example", "port": 5433, "schema": "lake"}
    url, _ = address(connect("lake", conn_type=conn_type, **fields))
    assert (url.username, url.password, url.host, url.port, url.database) == tuple(fields.values())
    assert url.drivername in drivers


def test_what_the_connection_leaves_out_is_left_to_the_driver(connect: Connect) -> None:
    """Such as the user of a Unix socket; only waiting for ever, for a server that is gone, is not."""
    url, arguments = address(connect("lake", conn_type="postgres"))
    assert (url.username, url.password, url.host, url.port, url.database) == (None,) * 5
    assert arguments == SERVER_DEFAULTS["postgresql"]


def test_extras_for_the_driver_reach_it_and_those_of_airflow_do_not(connect: Connect) -> None:
    """TLS settings and time-outs do; cursors, schemes and the names of other connections do not."""
    extra = {
        "sslmode": "verify-full", "sslrootcert": "/ca.pem", "connect_timeout": "3", "cursor": "dictcursor",
        "iam": "false", "sqlalchemy_scheme": "postgresql+asyncpg", "isolation_level": "AUTOCOMMIT", "__extra__": "{}",
    }  # fmt: skip
    _, arguments = address(connect("lake", conn_type="postgres", extra=extra))
    given = {"sslmode": "verify-full", "sslrootcert": "/ca.pem", "connect_timeout": 3}
    assert arguments == {**SERVER_DEFAULTS["postgresql"], **given}


def test_mysql_speaks_all_of_unicode_and_takes_tls_settings_as_text(connect: Connect) -> None:
    """``utf8`` there means three bytes; a form can only write JSON as text."""
    extra = {"ssl": '{"ca": "/ca.pem"}', "read_timeout": "30"}
    _, arguments = address(connect("lake", conn_type="mysql", extra=extra))
    assert arguments == {
        "ssl": {"ca": "/ca.pem"}, "read_timeout": 30, "connect_timeout": 10, "write_timeout": 300, "charset": "utf8mb4",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "mysql", "extra": {"ssl": "no json " + SECRET}}, "Extra 'ssl' of connection 'lake' is not JSON"),
        ({"conn_type": "mysql", "extra": {"connect_timeout": SECRET}}, "'connect_timeout' of connection 'lake' is not"),
        ({"conn_type": "postgres", "extra": {"iam": "True"}}, "Connection 'lake' uses IAM"),
        ({"conn_type": "postgres", "extra": {"iam": True}}, "Connection 'lake' uses IAM"),
        ({"conn_type": "snowflake"}, "Connection 'lake' is of type 'snowflake': results_conn_id needs one of type"),
        ({"conn_type": "http"}, "Connection 'lake' is of type 'http'"),
    ],
    ids=str,
)
def test_a_connection_that_cannot_hold_a_ledger_is_refused_by_name(
    connect: Connect, fields: dict[str, Any], message: str
) -> None:
    """Without what stands in it."""
    with pytest.raises(ConfigurationError) as raised:
        open_ledger(connect("lake", password=SECRET, **fields), "uspeedo_results")
    assert message in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(("conn_type", "extra"), [("postgres", "[postgres]"), ("mysql", "[mysql]")])
def test_a_missing_driver_is_named_with_what_installs_it(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, conn_type: str, extra: str
) -> None:
    """Before anything is read or sent."""
    conn_id = connect("lake", conn_type=conn_type, host="db.example")
    find_spec = importlib.util.find_spec
    drivers = {driver for names in ledger_url.DRIVERS.values() for driver in names}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in drivers else find_spec(name))
    with pytest.raises(ConfigurationError) as raised:
        open_ledger(conn_id, "uspeedo_results")
    assert f"pip install 'airflow-provider-uspeedo{extra}'" in str(raised.value)


def test_a_server_that_does_not_answer_is_reported_without_the_password(connect: Connect) -> None:
    """The driver's own text quotes user and host; ours names its class."""
    fields = {"login": "me", "password": SECRET, "host": "127.0.0.1", "port": 1, "schema": "lake"}
    ledger = open_ledger(connect("lake", conn_type="mysql", **fields), "uspeedo_results")
    ledger.database.patience = 0.0
    with pytest.raises(Exception, match=r"The ledger's database failed: OperationalError 200[23]") as raised:
        ledger.prepare()
    ledger.close()
    assert SECRET not in f"{raised.value} {raised.value!r} {ledger.database.engine!r}"
    assert raised.value.__cause__ is None


# -- the default file -------------------------------------------------------------------------------------------


def test_the_default_file_is_in_airflow_home() -> None:
    """By an absolute path: every attempt finds the same."""
    assert default_file().name == FILE_NAME
    assert default_file().is_absolute()


@pytest.mark.parametrize(
    "executor",
    [
        "LocalExecutor",
        "SequentialExecutor",
        "airflow.executors.local_executor.LocalExecutor",
        "LocalExecutor:local",
        "LocalExecutor, SequentialExecutor",
        "team_a=LocalExecutor",
    ],
)
def test_the_default_file_is_for_executors_on_one_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, executor: str
) -> None:
    """However they are spelt."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    monkeypatch.setattr(ledgers, "default_file", lambda: tmp_path / FILE_NAME)
    open_ledger(None, "uspeedo_results").close()


@pytest.mark.parametrize(
    ("executor", "named"),
    [
        ("CeleryExecutor", "CeleryExecutor"),
        ("KubernetesExecutor", "KubernetesExecutor"),
        ("LocalKubernetesExecutor", "LocalKubernetesExecutor"),
        ("CeleryKubernetesExecutor", "CeleryKubernetesExecutor"),
        ("LocalExecutor,CeleryExecutor", "CeleryExecutor"),
        ("LocalExecutor,my.module.FarExecutor:far", "FarExecutor"),
        ("LocalExecutor;team_b=my.FarExecutor", "FarExecutor"),
        ("airflow.providers.edge3.executors.EdgeExecutor", "EdgeExecutor"),
    ],
)
def test_the_default_file_is_refused_where_a_retry_may_run_elsewhere(
    monkeypatch: pytest.MonkeyPatch, executor: str, named: str
) -> None:
    """The message names the executor, the argument to set, and the setting for those who know better."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    with pytest.raises(ConfigurationError) as raised:
        open_ledger(None, "uspeedo_results")
    assert f"on {named} a retry may run on another machine" in str(raised.value)
    assert "Set results_conn_id" in str(raised.value)
    assert "[uspeedo] local_ledger_executors" in str(raised.value)


def test_an_executor_can_be_allowed_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By whoever runs a single Celery worker."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__USPEEDO__LOCAL_LEDGER_EXECUTORS", "LocalExecutor, CeleryExecutor")
    monkeypatch.setattr(ledgers, "default_file", lambda: tmp_path / FILE_NAME)
    open_ledger(None, "uspeedo_results").close()
