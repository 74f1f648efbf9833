# SPDX-License-Identifier: Apache-2.0
"""Where a ledger is: an argument says it, else a setting of ``[uspeedo]``, else it is the SQLite file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.errors import ConfigurationError, LedgerUnavailable, USpeedoError
from airflow_provider_uspeedo.hooks import ledger_connection

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from airflow_provider_uspeedo.ledger.ledger import Ledger
    from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

RESULTS_TABLE = "uspeedo_results"
"""The results relation, where neither an argument nor a setting names one."""
SECTION = "uspeedo"
CONN_ID, TABLE = "results_conn_id", "results_table"
"""The arguments, and the settings that hold where they are not given."""
_NOTHING = ("", "none", "null")


@dataclass(frozen=True, slots=True)
class LedgerLocation:
    """The database and the relation of a ledger.

    :param conn_id: a connection; ``None``: the SQLite file in AIRFLOW_HOME.
    :param results_table: the relation, ``name`` or ``schema.name``; the ledger's own tables are in the same schema.
    :param from_settings: those of ``results_conn_id`` and ``results_table`` that a setting has decided.
    """

    conn_id: str | None
    results_table: str
    from_settings: frozenset[str] = frozenset()

    @classmethod
    def of(cls, results_conn_id: str | None = None, results_table: str | None = None) -> LedgerLocation:
        """The location that the arguments name; what they leave out, a setting decides.

        An empty text, ``None`` and ``null`` count as not given, in an argument and in a setting.
        """
        given = {CONN_ID: _text(results_conn_id), TABLE: _text(results_table)}
        settings = {name: None if value else _setting(name) for name, value in given.items()}
        return cls(
            given[CONN_ID] or settings[CONN_ID],
            given[TABLE] or settings[TABLE] or RESULTS_TABLE,
            frozenset(name for name, value in settings.items() if value and value != RESULTS_TABLE),
        )

    def open_ledger(self) -> Ledger:
        """The ledger; nothing is created yet.

        :raises ConfigurationError: the connection cannot hold a ledger, or the file must not be used here.
        """
        with self._errors_name_settings():
            return ledger_connection.open_ledger(self.conn_id, self.results_table)

    def open_queries(self, timeout: float | None = None, max_connect_seconds: int | None = None) -> LedgerQueries:
        """The ledger, to be read.

        :param timeout: seconds for which a transaction is repeated while the database fails in a passing way;
            ``None``: as long as a task would.
        :param max_connect_seconds: see :func:`.ledger_connection.open_ledger_engine`.
        :raises ConfigurationError: as :meth:`open_ledger`.
        """
        from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

        how: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        with self._errors_name_settings():
            engine = ledger_connection.open_ledger_engine(self.conn_id, max_connect_seconds=max_connect_seconds)
            return LedgerQueries(engine, self.results_table, **how)

    @contextmanager
    def _errors_name_settings(self) -> Iterator[None]:
        try:
            yield
        except ConfigurationError as error:
            names = [name for name in (CONN_ID, TABLE) if name in self.from_settings]
            if not names:
                raise
            settings = " and ".join(f"[{SECTION}] {name}" for name in names)
            said = f"The setting {settings} names it." if len(names) == 1 else f"The settings {settings} name it."
            raise ConfigurationError(f"{error} ({said})") from None

    def refuse_left_behind(self, campaign_id: str, ledger: LedgerQueries) -> None:
        """To be called before a campaign goes on in the ledger here.

        What an argument names is not refused: then a person has decided.

        :param ledger: the one that this location names.
        :raises ConfigurationError: a setting leads to this ledger, and the one that was used without the setting holds
            the campaign: this one does not know its recipients, and they would be sent to again.
        :raises LedgerUnavailable: that one does not answer.
        """
        if CONN_ID in self.from_settings and not _is_default_file(ledger):
            file = ledger_connection.default_file()
            if file.exists() and _holds(ledger_connection.open_default_file(), campaign_id, f"the SQLite file {file}"):
                raise ConfigurationError(
                    f"The setting [{SECTION}] {CONN_ID} leads to connection {self.conn_id!r}, but the SQLite file "
                    f"{file} already holds campaign {campaign_id!r}: in another ledger its recipients would be sent "
                    f"to again. To continue it, set the argument {CONN_ID} to a connection of type sqlite whose host "
                    "is this file. To begin another campaign, choose another campaign_id. What the argument names is "
                    "not refused."
                )
        if TABLE in self.from_settings and _is_in_other_schema(ledger):
            where = "the default schema of the same database"
            if _holds(ledger.database.engine, campaign_id, where, close=False):
                raise ConfigurationError(
                    f"The setting [{SECTION}] {TABLE} leads to {self.results_table}, but the ledger in {where} "
                    f"already holds campaign {campaign_id!r}: in another ledger its recipients would be sent to again. "
                    f"To continue it, set the argument {TABLE} to {RESULTS_TABLE!r}. To begin another campaign, choose "
                    "another campaign_id. What the argument names is not refused."
                )


def _text(given: str | None) -> str | None:
    text = "" if given is None else str(given).strip()
    return None if text.lower() in _NOTHING else text


def _setting(name: str) -> str | None:
    return _text(ledger_connection.option(SECTION, name, ""))


def _is_default_file(ledger: LedgerQueries) -> bool:
    """True if the connection names the very file that is used without one."""
    file, default = ledger.database.file, ledger_connection.default_file()
    return file is not None and os.path.realpath(file) == os.path.realpath(default)


def _is_in_other_schema(ledger: LedgerQueries) -> bool:
    """True if the ledger's tables are not where they are when ``results_table`` names no schema."""
    import sqlalchemy as sa

    schema = ledger.results_name.schema
    return schema is not None and schema != ledger.database.read(
        lambda connection: sa.inspect(connection).default_schema_name
    )


def _holds(engine: Engine, campaign_id: str, where: str, *, close: bool = True) -> bool:
    """True if the ledger in a database, of any version, has a campaign; fails where that cannot be seen."""
    from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

    earlier = LedgerQueries(engine, RESULTS_TABLE)
    try:
        return earlier.has_campaign(campaign_id)
    except LedgerUnavailable:
        raise
    except USpeedoError as error:
        raise ConfigurationError(
            f"A setting of [{SECTION}] leads to another ledger than {where}, which cannot be searched for campaign "
            f"{campaign_id!r}: {error} Name the ledger by the arguments {CONN_ID} and {TABLE}, or remove the one that "
            "is no longer used."
        ) from None
    finally:
        if close:
            earlier.close()
