# SPDX-License-Identifier: Apache-2.0
"""Where the ledger is, and how it is reached: quietly, and with every error as one line."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypedDict

import click

from airflow_provider_uspeedo.cli.silence import quiet
from airflow_provider_uspeedo.errors import USpeedoError


class Where(TypedDict):
    """The arguments by which a function of ``administration`` finds the ledger."""

    results_conn_id: str | None
    results_table: str


@dataclass(frozen=True, slots=True)
class Place:
    """The ledger that the command line names.

    :param debug: show what Airflow says, and tracebacks.
    """

    conn_id: str | None
    results_table: str
    debug: bool

    @property
    def where(self) -> Where:
        return {"results_conn_id": self.conn_id, "results_table": self.results_table}

    def __str__(self) -> str:
        if self.conn_id:
            return f"connection {self.conn_id!r}, table {self.results_table}"
        from airflow_provider_uspeedo.hooks.ledger_connection import default_file

        return f"the SQLite file {default_file()} (no --conn-id was given), table {self.results_table}"

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Everything that touches Airflow or the ledger happens in here; nothing is printed meanwhile.

        :raises click.ClickException: what went wrong, in one line.
        """
        try:
            with quiet(self.debug):
                yield
        except click.ClickException:
            raise
        except USpeedoError as error:
            raise click.ClickException(self._told(str(error))) from (error if self.debug else None)
        except Exception as error:  # the edge: whatever Airflow or a driver raises may quote what it was given
            if self.debug:
                raise
            raise click.ClickException(self._foreign(error)) from None

    def command(self, *words: str) -> str:
        """A command line for the same ledger, to be copied."""
        options = ["--conn-id", self.conn_id] if self.conn_id else []
        if self.results_table != "uspeedo_results":
            options += ["--results-table", self.results_table]
        return shlex.join(["airflow-uspeedo", *options, *words])

    def _told(self, message: str) -> str:
        """The functions name arguments; here they are options, and here one can look around."""
        if message.startswith("There is no campaign"):
            return f"{message} See which there are: `{self.command('list')}`."
        if message.startswith("results_conn_id is not set"):
            return f"{message} To this command it is given as --conn-id."
        if message.startswith("There is no ledger"):
            return f"{message} Looked in {self}. The task's last message names the right place."
        return message

    def _foreign(self, error: Exception) -> str:
        """An error of somebody else. Only Airflow's own text is shown: others may quote what they were given."""
        from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException

        if isinstance(error, AirflowNotFoundException):
            variable = f"AIRFLOW_CONN_{(self.conn_id or '').upper()}"
            return (
                f"Airflow knows no connection {self.conn_id!r} here. Run this where Airflow's own database or "
                f"secrets backend is configured, with the same AIRFLOW_HOME, or set {variable}."
            )
        said = f"{type(error).__name__}: {error}" if isinstance(error, AirflowException) else type(error).__name__
        return f"Unforeseen {' '.join(said.split())}. Run it again with --debug before the verb to see where."
