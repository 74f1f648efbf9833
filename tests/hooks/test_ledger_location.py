# SPDX-License-Identifier: Apache-2.0
"""Where a ledger is: an argument, else a setting, else the SQLite file. No setting leaves a campaign behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.administration import open_ledger_admin
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.hooks import ledger_connection
from airflow_provider_uspeedo.hooks.ledger_connection import FILE_NAME
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
from tests.ledger import old_ledgers
from tests.ledger.acting import Try, people
from tests.ledger.servers import SERVERS, empty_database

Connect = Callable[..., str]
CONN_ID, TABLE = "AIRFLOW__USPEEDO__RESULTS_CONN_ID", "AIRFLOW__USPEEDO__RESULTS_TABLE"


@pytest.fixture
def default_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The SQLite file of an AIRFLOW_HOME of this test's own."""
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / FILE_NAME
    monkeypatch.setattr(ledger_connection, "default_file", lambda: file)
    return file


@pytest.fixture
def lake(connect: Connect, tmp_path: Path) -> str:
    """The connection of another ledger."""
    return connect("lake", conn_type="sqlite", host=str(tmp_path / "lake.db"))


def texted(location: LedgerLocation, campaign: str) -> None:
    """One recipient of a campaign, accepted."""
    with closing(location.open_ledger()) as ledger:
        ledger.prepare()
        attempt = Try(ledger, campaign)
        (request,) = attempt.claim(people("a"), size=1)
        attempt.send(request)
        attempt.end()


def refused(location: LedgerLocation, campaign: str) -> str:
    """Why the campaign may not go on there, or nothing."""
    with closing(location.open_queries()) as ledger:
        try:
            location.refuse_left_behind(campaign, ledger)
        except ConfigurationError as error:
            return str(error)
    return ""


# -- which one it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [None, "", "  ", "None", "null"])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, (None, "uspeedo_results", [])),
        ({CONN_ID: "warehouse"}, ("warehouse", "uspeedo_results", ["results_conn_id"])),
        ({TABLE: "sms.texts"}, (None, "sms.texts", ["results_table"])),
        ({CONN_ID: " warehouse ", TABLE: "texts"}, ("warehouse", "texts", ["results_conn_id", "results_table"])),
        ({CONN_ID: "", TABLE: "none"}, (None, "uspeedo_results", [])),
    ],
    ids=str,
)
def test_what_is_not_given_a_setting_decides(
    monkeypatch: pytest.MonkeyPatch, blank: str | None, settings: dict[str, str], expected: Any
) -> None:
    """An empty field of a form gives nothing, and neither does an empty setting."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found = LedgerLocation.of(blank, blank)
    assert (found.conn_id, found.results_table, sorted(found.from_settings)) == expected


def test_an_argument_wins_each_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is not given still comes from its setting."""
    monkeypatch.setenv(CONN_ID, "warehouse")
    monkeypatch.setenv(TABLE, "texts")
    assert LedgerLocation.of("lake") == LedgerLocation("lake", "texts", frozenset({"results_table"}))
    assert LedgerLocation.of(None, "mine") == LedgerLocation("warehouse", "mine", frozenset({"results_conn_id"}))
    assert LedgerLocation.of("lake", "mine") == LedgerLocation("lake", "mine")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({CONN_ID: "nowhere"}, r"no connection 'nowhere' here.*\[uspeedo\] results_conn_id names it"),
        (
            {CONN_ID: "nowhere", TABLE: "x"},
            r"The settings \[uspeedo\] results_conn_id and \[uspeedo\] results_table name it",
        ),
        ({TABLE: "a table"}, r"results_table='a table' is not a table name.*\[uspeedo\] results_table names it"),
    ],
    ids=str,
)
def test_an_error_names_the_setting_that_is_wrong(
    monkeypatch: pytest.MonkeyPatch, default_file: Path, settings: dict[str, str], said: str
) -> None:
    """Who has set no argument would look for it in vain."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for opened in (LedgerLocation.of().open_ledger, LedgerLocation.of().open_queries, open_ledger_admin):
        with pytest.raises(ConfigurationError, match=said):
            opened()


def test_the_operations_and_the_results_follow_the_settings(
    monkeypatch: pytest.MonkeyPatch, default_file: Path, lake: str
) -> None:
    """The same ledger for all who name none."""
    texted(LedgerLocation(lake, "texts"), "c")
    monkeypatch.setenv(CONN_ID, lake)
    monkeypatch.setenv(TABLE, "texts")
    with open_ledger_admin() as admin:
        assert admin.show("c").counts == {"accepted": 1}
        assert str(admin.ledger.results_name) == "texts"
    assert list(USpeedoHook().get_results_df("c")["status"]) == ["accepted"]
    assert not default_file.exists()


# -- what is not left behind ------------------------------------------------------------------------------------


def test_a_campaign_in_the_default_file_does_not_begin_again_elsewhere(
    monkeypatch: pytest.MonkeyPatch, default_file: Path, lake: str
) -> None:
    """The other ledger knows none of its recipients. The message says how to go on; other campaigns may begin."""
    texted(LedgerLocation.of(), "c")
    monkeypatch.setenv(CONN_ID, lake)
    said = refused(LedgerLocation.of(), "c")
    assert "[uspeedo] results_conn_id leads to connection 'lake'" in said
    assert f"the SQLite file {default_file} already holds campaign 'c'" in said
    assert "a connection of type sqlite whose host is this file" in said
    assert refused(LedgerLocation.of(), "another") == ""
    with pytest.raises(ConfigurationError, match="already holds campaign 'c'"):
        USpeedoHook().get_results_df("c")


def test_it_goes_on_as_the_message_says(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, default_file: Path, lake: str
) -> None:
    """By an argument that names the file, or, as a person decides, by one that names the other ledger."""
    texted(LedgerLocation.of(), "c")
    monkeypatch.setenv(CONN_ID, lake)
    former = connect("former", conn_type="sqlite", host=str(default_file))
    assert refused(LedgerLocation.of(former), "c") == ""
    assert list(USpeedoHook().get_results_df("c", former)["status"]) == ["accepted"]
    assert refused(LedgerLocation.of(lake), "c") == ""


def test_a_setting_that_names_the_default_file_itself_leads_to_the_same_ledger(
    monkeypatch: pytest.MonkeyPatch, connect: Connect, default_file: Path, tmp_path: Path
) -> None:
    """By whatever path."""
    texted(LedgerLocation.of(), "c")
    (tmp_path / "link").symlink_to(default_file.parent)
    monkeypatch.setenv(CONN_ID, connect("lake", conn_type="sqlite", host=str(tmp_path / "link" / FILE_NAME)))
    assert refused(LedgerLocation.of(), "c") == ""


@pytest.mark.parametrize("version", old_ledgers.VERSIONS)
def test_a_file_of_an_older_version_is_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, default_file: Path, lake: str, version: int
) -> None:
    """Its campaigns are as little to be texted again; it is not migrated for that."""
    old_ledgers.load("sqlite", URL.create("sqlite", database=str(default_file)), version)
    monkeypatch.setenv(CONN_ID, lake)
    assert "already holds campaign 'invoices'" in refused(LedgerLocation.of(), "invoices")
    assert refused(LedgerLocation.of(), "another") == ""


def test_a_file_that_cannot_be_read_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, default_file: Path, lake: str
) -> None:
    """Nobody knows what it holds; the message says what to do."""
    default_file.write_text("this is no database, and was none " * 100)
    monkeypatch.setenv(CONN_ID, lake)
    said = refused(LedgerLocation.of(), "c")
    assert f"than the SQLite file {default_file}, which cannot be searched for campaign 'c'" in said
    assert "Name the ledger by the arguments" in said


def test_where_there_is_no_file_none_is_made(monkeypatch: pytest.MonkeyPatch, default_file: Path, lake: str) -> None:
    """The usual case, once the setting stands."""
    monkeypatch.setenv(CONN_ID, lake)
    assert refused(LedgerLocation.of(), "c") == ""
    assert not default_file.exists()


# -- a setting that names another schema ------------------------------------------------------------------------


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, connect: Connect, tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """A connection to an empty database, its default schema, and another schema that the same user may use."""
    kind = str(request.param)
    with empty_database(kind, tmp_path) as url:
        about = {"host": url.host, "port": url.port, "login": url.username, "schema": url.database}
        conn_id = connect("lake", conn_type={"postgresql": "postgres"}.get(kind, kind), **about)
        if kind == "postgresql":
            with closing(LedgerLocation(conn_id, "t").open_queries()) as ledger:
                ledger.database.write(lambda connection: connection.exec_driver_sql("CREATE SCHEMA sms"))
            yield conn_id, "public", "sms"
        else:
            with empty_database(kind, tmp_path) as other:
                yield conn_id, str(url.database), str(other.database)


def test_a_campaign_in_the_default_schema_does_not_begin_again_in_another(
    monkeypatch: pytest.MonkeyPatch, default_file: Path, server: tuple[str, str, str]
) -> None:
    """Another schema is another ledger, too; another name in the same schema is not."""
    conn_id, default, other = server
    texted(LedgerLocation(conn_id, "uspeedo_results"), "c")
    for table, is_other in ((f"{other}.texts", True), (f"{default}.texts", False), ("texts", False)):
        monkeypatch.setenv(TABLE, table)
        said = refused(LedgerLocation.of(conn_id), "c")
        assert ("already holds campaign 'c'" in said) == is_other
        assert refused(LedgerLocation.of(conn_id, table), "c") == ""
        assert refused(LedgerLocation.of(conn_id), "another") == ""
