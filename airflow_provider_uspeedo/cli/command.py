# SPDX-License-Identifier: Apache-2.0
"""The command itself: its first options and its verbs. Heavy modules are imported when a verb runs."""

from __future__ import annotations

import sys

import click

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.cli import (
    explain,
    export_results,
    list_and_show,
    maintenance,
    reopen,
    resolve_unknown,
    stop_and_resume,
    suppress,
)
from airflow_provider_uspeedo.cli.target import LedgerTarget


class VerbsInOrder(click.Group):
    """Lists its verbs in the order in which they were added: the most urgent ones come first."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's name for it
        """The names of the verbs."""
        return list(self.commands)


@click.group(
    cls=VerbsInOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="What a message means, and what to do: airflow-uspeedo explain.",
)
@click.version_option(__version__, package_name="airflow-provider-uspeedo")
@click.option(
    "--conn-id",
    metavar="NAME",
    envvar="AIRFLOW_USPEEDO_CONN_ID",
    show_envvar=True,
    help="Connection of the ledger: the operator's results_conn_id. Not given: the setting [uspeedo] results_conn_id, "
    "then the SQLite file in AIRFLOW_HOME.",
)
@click.option(
    "--results-table",
    metavar="NAME",
    envvar="AIRFLOW_USPEEDO_RESULTS_TABLE",
    show_envvar=True,
    help="The operator's results_table, name or schema.name. Not given: the setting [uspeedo] results_table, then "
    "uspeedo_results.",
)
@click.option("--debug", is_flag=True, help="Show Airflow's own output, and tracebacks.")
@click.pass_context
def airflow_uspeedo(context: click.Context, conn_id: str | None, results_table: str | None, debug: bool) -> None:
    """Show and control campaigns of text messages.

    Give the same connection and table as the task: its last message names both. These options may stand before or
    after the verb.
    """
    context.obj = LedgerTarget(conn_id or None, results_table or None, debug)


for verb in (
    explain.explain,
    list_and_show.list_,
    list_and_show.show,
    resolve_unknown.resolve,
    reopen.reopen,
    stop_and_resume.stop,
    stop_and_resume.resume,
    suppress.suppress,
    export_results.export,
    maintenance.ddl,
    maintenance.grants,
    maintenance.migrate,
    maintenance.prune,
    maintenance.forget,
):
    airflow_uspeedo.add_command(verb)


def main() -> None:
    """Runs the command; ends the process with its exit code."""
    try:
        airflow_uspeedo.main(prog_name="airflow-uspeedo")
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stdout = sys.stderr
        sys.exit(1)
