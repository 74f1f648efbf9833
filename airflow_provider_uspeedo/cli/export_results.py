# SPDX-License-Identifier: Apache-2.0
"""The verb that writes the results of a campaign to a file: ``export``."""

from __future__ import annotations

import click

from airflow_provider_uspeedo.cli.formatting import as_json, listed, moment
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.exported_phones import MASKED, PHONE_FORMS, PLAIN
from airflow_provider_uspeedo.core.plural import counted


@click.command(
    cls=Verb,
    short_help="Write the results of a campaign to a Parquet file.",
    examples=("airflow-uspeedo --conn-id warehouse export 'invoices 2026-11-22' s3://lake/sms.parquet",),
    section="export-failed",
)
@click.argument("campaign")
@click.argument("path")
@click.option(
    "--phones",
    type=click.Choice(PHONE_FORMS),
    default=MASKED,
    show_default=True,
    help="masked: (852)****1111. hashed: HMAC-SHA-256 under a key of the ledger, to join exports by.",
)
@click.option("--json", "as_text", is_flag=True, help="For a program.")
@click.pass_obj
def export(target: LedgerTarget, campaign: str, path: str, phones: str, as_text: bool) -> None:
    """Write the results of a campaign, as they are now, to one Parquet file; a file that is there is replaced.

    PATH ends in .parquet: a local path, or a URI that Airflow can open, such as s3://my_conn@lake/sms.parquet.
    """
    with target.open() as admin:
        done = admin.export(campaign, path, phones=phones)
    if as_text:
        click.echo(as_json(done))
        return
    click.echo(f"{counted(done.rows, 'row')} to {done.path}, {done.size:,} bytes: {listed(done.counts)}.")
    if done.phones == PLAIN:
        click.echo("The file holds phones in plain: every reader of the file can read them.")
    if done.open_attempts:
        click.echo(
            f"{counted(done.open_attempts, 'attempt')} had not ended (running, or killed). The file shows the moment "
            f"{moment(done.exported_at)} UTC; export again when the campaign has ended."
        )
