# SPDX-License-Identifier: Apache-2.0
"""A wrong field of the ledger's connection is named at once, as a failure, without the driver's own text."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks import ledger_connection as ledgers
from airflow_provider_uspeedo.hooks import ledger_url
from airflow_provider_uspeedo.hooks.ledger_connection import open_ledger
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from tests.ledger.servers import refuse_or_skip, server_url

SECRET = "canary-secret-5c0ffee"
Connect = Callable[..., str]
SERVERS = {"postgres": {"host": "127.0.0.1", "port": 1, "schema": "lake", "password": SECRET}}
SERVERS["mysql"] = SERVERS["postgres"]


def refusal(conn_id: str) -> str:
    """What opening the ledger, and connecting, says."""

    def prepare() -> None:
        with closing(open_ledger(conn_id, "uspeedo_results")) as ledger:
            ledger.database.timeout = 0.0
            ledger.prepare()

    with pytest.raises(ConfigurationError) as raised:
        prepare()
    return str(raised.value)


@pytest.mark.parametrize(
    ("conn_type", "changes", "named"),
    [
        ("postgres", {"extra": {"lock_timeout": "abc"}}, "'lock_timeout'"),
        ("postgres", {"extra": {"lock_timeout": 5}}, "'lock_timeout'"),
        ("postgres", {"extra": {"sslmode": "required"}}, "'sslmode'"),
        ("postgres", {"extra": {"sslmode": ""}}, "'sslmode'"),
        ("postgres", {"extra": {"sslmode": "verify-full", "sslrootcert": "/no/ca.pem"}}, "'sslrootcert'"),
        ("postgres", {"extra": {"sslmode": "verify-ca", "sslrootcert": "/"}}, "'sslrootcert'"),
        ("postgres", {"extra": {"target_session_attrs": SECRET}}, "'target_session_attrs'"),
        ("postgres", {"extra": {"keepalives_idle": SECRET}}, "'keepalives_idle'"),
        ("postgres", {"extra": {"application": SECRET}}, "'application'"),
        ("postgres", {"extra": {"client_encoding": "latin1"}}, "'client_encoding'"),
        ("postgres", {"extra": {"client_encoding": "SQL_ASCII"}}, "'client_encoding'"),
        ("postgres", {"extra": {"service": SECRET}}, "'service'"),
        ("postgres", {"extra": {"hostaddr": SECRET}}, "'hostaddr'"),
        ("postgres", {"extra": {"cursor_factory": "RealDictCursor"}}, "'cursor_factory'"),
        ("postgres", {"host": "/no/such/folder"}, "Host"),
        ("postgres", {"port": 65_536}, "Port"),
        ("postgres", {"port": -1}, "Port"),
        ("mysql", {"extra": {"charset": "utf8"}}, "'charset'"),
        ("mysql", {"extra": {"charset": "utf8mb3"}}, "'charset'"),
        ("mysql", {"extra": {"charset": "gbk"}}, "'charset'"),
        ("mysql", {"extra": {"ssl": '{"ca": "/no/ca.pem"}'}}, "'ca'"),
        ("mysql", {"extra": {"ssl_key": "/no/key.pem"}}, "'ssl_key'"),
        ("mysql", {"extra": {"application": SECRET}}, "'application'"),
        ("mysql", {"extra": {"cursorclass": "DictCursor"}}, "'cursorclass'"),
        ("mysql", {"extra": {"use_unicode": False}}, "'use_unicode'"),
        ("mysql", {"extra": {"unix_socket": "/no/such/folder/mysqld.sock"}}, "'unix_socket'"),
        ("mysql", {"port": 70_000}, "Port"),
    ],
)
def test_a_wrong_field_is_named_before_a_server_is_asked(
    connect: Connect, conn_type: str, changes: dict[str, Any], named: str
) -> None:
    """Nothing listens at port 1: what is said was found without a server. What a field holds is not quoted."""
    said = refusal(connect("lake", conn_type=conn_type, **{**SERVERS[conn_type], **changes}))
    assert named in said
    assert SECRET not in said


@pytest.mark.parametrize("encoding", ["utf8", "UTF-8", "UTF8", "unicode"])
def test_every_spelling_of_the_wide_encoding_is_taken(connect: Connect, encoding: str) -> None:
    """The check is of what is meant."""
    fields = SERVERS["postgres"] | {"extra": {"client_encoding": encoding}}
    open_ledger(connect("lake", conn_type="postgres", **fields), "uspeedo_results").close()


@pytest.mark.parametrize("conn_type", ["generic", "", "http"])
def test_another_type_of_connection_is_refused_with_the_likely_cause(connect: Connect, conn_type: str) -> None:
    """Airflow stores *generic* for a type whose provider is not installed."""
    said = refusal(connect("lake", conn_type=conn_type, host="db.example"))
    assert "results_conn_id needs one of type sqlite, postgres or mysql" in said
    assert ("--conn-json" in said) == (conn_type != "http")


def test_an_unknown_ledger_connection_is_named_with_its_argument() -> None:
    """Airflow's own error would be retried, and names no argument."""
    with pytest.raises(ConfigurationError, match=r"no connection 'nowhere' here\. results_conn_id names it"):
        open_ledger("nowhere", "uspeedo_results")


def test_a_ledger_connection_that_cannot_be_read_is_told_from_one_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Airflow says of both that they were not found."""
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", '{"conn_type": "postgres", "port": "none"}')
    with pytest.raises(
        ConfigurationError, match=r"cannot read connection 'lake', which results_conn_id names, from the"
    ):
        open_ledger("lake", "uspeedo_results")


@pytest.mark.database
@pytest.mark.parametrize(("name", "value"), [("collation", "bogus"), ("sql_mode", "BOGUS"), ("init_command", "SET x")])
def test_an_extra_that_the_server_refuses_is_named(connect: Connect, name: str, value: str) -> None:
    """By the code of its error, which names nothing."""
    refuse_or_skip("mysql")
    url = server_url("mysql")
    fields = {"host": url.host, "port": url.port, "schema": url.database, "login": url.username}
    extra = {name: value, "client": "pymysql"}
    said = refusal(connect("lake", conn_type="mysql", password=url.password or "", **fields, extra=extra))
    assert f"the server refuses its extra {name!r}" in said


def test_an_unknown_vendor_connection_is_named_with_its_argument() -> None:
    """Likewise."""
    with pytest.raises(ConfigurationError, match=r"no connection 'nowhere' here\. uspeedo_conn_id names it"):
        USpeedoHook("nowhere").send_batch([])


@pytest.mark.parametrize("executor", ["CeleryExecutor", "KubernetesExecutor", "CeleryExecutor,LocalExecutor"])
def test_a_connection_of_a_sqlite_file_is_refused_like_the_default_file(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, executor: str
) -> None:
    """A retry on another machine finds another file, or none; the same setting allows it."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    conn_id = connect("lake", conn_type="sqlite", host=str(tmp_path / "ledger.db"))
    said = refusal(conn_id)
    assert "results_conn_id 'lake' names a SQLite file" in said
    assert "[uspeedo] local_ledger_executors" in said
    monkeypatch.setenv("AIRFLOW__USPEEDO__LOCAL_LEDGER_EXECUTORS", "LocalExecutor,CeleryExecutor,KubernetesExecutor")
    open_ledger(conn_id, "uspeedo_results").close()


# -- drivers ----------------------------------------------------------------------------------------------------


def driver_of(conn_id: str) -> str:
    return ledger_url.url_of(ledgers._connection(conn_id), conn_id)[0].get_driver_name()


@pytest.mark.parametrize(
    ("conn_type", "extra", "module", "driver"),
    [
        ("postgres", {"sqlalchemy_scheme": "postgresql+psycopg2"}, "psycopg2", "psycopg2"),
        ("postgres", {"sqlalchemy_scheme": "postgresql+psycopg"}, "psycopg", "psycopg"),
        ("mysql", {"client": "pymysql"}, "pymysql", "pymysql"),
        ("mysql", {"client": "mysqlclient"}, "MySQLdb", "mysqldb"),
        ("mysql", {"sqlalchemy_scheme": "mysql+pymysql"}, "pymysql", "pymysql"),
    ],
)
def test_the_connection_may_choose_the_driver(
    connect: Connect, conn_type: str, extra: dict[str, Any], module: str, driver: str
) -> None:
    """By the extras that Airflow's own hooks read; one that is not there is named."""
    conn_id = connect("lake", conn_type=conn_type, **SERVERS[conn_type], extra=extra)
    if importlib.util.find_spec(module):
        assert driver_of(conn_id) == driver
    else:
        assert f"Extra {next(iter(extra))!r} of connection 'lake' chooses the driver {module}" in refusal(conn_id)


@pytest.mark.parametrize(
    ("conn_type", "extra"),
    [("postgres", {"sqlalchemy_scheme": "postgresql+asyncpg"}), ("mysql", {"client": "mysql-connector-python"})],
)
def test_a_driver_that_cannot_hold_a_ledger_is_passed_over(
    connect: Connect, conn_type: str, extra: dict[str, Any]
) -> None:
    """The connection may be for others, too."""
    chosen = driver_of(connect("lake", conn_type=conn_type, **SERVERS[conn_type], extra=extra))
    assert chosen in ("psycopg2", "psycopg", "pymysql", "mysqldb")
