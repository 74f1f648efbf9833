# SPDX-License-Identifier: Apache-2.0
"""The ledger that the command line names: opening it without noise, with every error as one line."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from airflow_provider_uspeedo.cli.silence import silenced
from airflow_provider_uspeedo.errors import USpeedoError

if TYPE_CHECKING:
    from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin


_OPTIONS = {
    "default_region": "--default-region",
    "accept_unreadable=True": "--accept-unreadable",
    "Name it with column": "Name it with --column",
}
"""What messages call by the names of arguments."""


@dataclass(frozen=True, slots=True)
class LedgerTarget:
    """The ledger that the command line names.

    :param conn_id: ``None``: not given, so that the setting decides.
    :param results_table: likewise.
    :param debug: show Airflow's own output, and tracebacks.
    """

    conn_id: str | None
    results_table: str | None
    debug: bool

    @property
    def location(self) -> LedgerLocation:
        """The ledger that the options, or the settings, name."""
        from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation

        with silenced(self.debug):  # where a setting is no plain text, Airflow is asked
            return LedgerLocation.of(self.conn_id, self.results_table)

    def __str__(self) -> str:
        location = self.location
        by = {name: f" (from [uspeedo] {name})" for name in location.from_settings}
        table = f"table {location.results_table}{by.get('results_table', '')}"
        if location.conn_id:
            return f"connection {location.conn_id!r}{by.get('results_conn_id', '')}, {table}"
        from airflow_provider_uspeedo.hooks.ledger_connection import default_file

        why = "no --conn-id was given, and [uspeedo] results_conn_id is not set"
        return f"the SQLite file {default_file()} ({why}), {table}"

    @contextmanager
    def open(self) -> Iterator[LedgerAdmin]:
        """The ledger, opened; nothing can be printed within the block.

        :raises click.ClickException: what went wrong, in one line.
        """
        with self.errors_as_lines():
            from airflow_provider_uspeedo.administration import open_ledger_admin

            with open_ledger_admin(self.conn_id, self.results_table) as admin:
                yield admin

    @contextmanager
    def errors_as_lines(self) -> Iterator[None]:
        """Turns errors into one line for the terminal; nothing can be printed within the block.

        :raises click.ClickException: what went wrong, in one line.
        """
        try:
            with silenced(self.debug):
                yield
        except click.ClickException:
            raise
        except USpeedoError as error:
            raise click.ClickException(self._with_options(str(error))) from (error if self.debug else None)
        except Exception as error:  # the edge: messages of Airflow or of a driver may quote values
            if self.debug:
                raise
            raise click.ClickException(self._unexpected(error)) from None

    def command(self, *words: str) -> str:
        """A command line for the same ledger, to be copied."""
        options = ["--conn-id", self.conn_id] if self.conn_id else []
        if self.results_table:
            options += ["--results-table", self.results_table]
        return shlex.join(["airflow-uspeedo", *options, *words])

    def _with_options(self, message: str) -> str:
        """The message, with the options of the command where it names arguments, and what to look at."""
        for argument, option in _OPTIONS.items():
            message = message.replace(argument, option)
        if message.startswith("There is no campaign"):
            known = f"The campaigns that there are: `{self.command('list')}`."
            return f"{message} Looked in {self}. {known}{self._other_file()}"
        if message.startswith("results_conn_id is not set"):
            return f"{message} The option of this command for it is --conn-id."
        if message.startswith("There is no ledger"):
            looked = f"Looked in {self}. The task's last message names the right connection and table."
            return f"{message} {looked}{self._other_file()}"
        return message

    def _other_file(self) -> str:
        """Where else to look: the file that held the campaigns from before a setting."""
        if "results_conn_id" not in self.location.from_settings:
            return ""
        from airflow_provider_uspeedo.hooks.ledger_connection import default_file

        file = default_file()
        if not file.exists():
            return ""
        connection = shlex.quote(json.dumps({"conn_type": "sqlite", "host": str(file)}))
        return (
            f" Campaigns from before the setting may be in the SQLite file {file}: "
            f"`AIRFLOW_CONN_FORMER={connection} airflow-uspeedo --conn-id former list`."
        )

    def _unexpected(self, error: Exception) -> str:
        """An error that is not ours. Only Airflow's own text is shown: other messages may quote values."""
        if "airflow" in sys.modules:
            from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException

            if isinstance(error, AirflowNotFoundException):
                variable = f"AIRFLOW_CONN_{(self.conn_id or '').upper()}"
                return (
                    f"Airflow knows no connection {self.conn_id!r} here. Run this where Airflow's own database or "
                    f"secrets backend is configured, with the same AIRFLOW_HOME, or set {variable}."
                )
            if isinstance(error, AirflowException):
                return self._look_closer(f"{type(error).__name__}: {error}")
        return self._look_closer(type(error).__name__)

    def _look_closer(self, what: str) -> str:
        return f"Unexpected {' '.join(what.split())}. Run it again with --debug to see where."
