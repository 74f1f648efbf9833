# SPDX-License-Identifier: Apache-2.0
"""The verb that lets a later attempt send to rejected recipients again: ``reopen``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from airflow_provider_uspeedo.cli.formatting import moment, recipients
from airflow_provider_uspeedo.cli.prompts import confirm, login
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.plural import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_uspeedo.ledger.admin.reports import RejectedCount


@click.command(
    cls=Verb,
    short_help="Let a later attempt send to rejected recipients again.",
    examples=(
        "airflow-uspeedo --conn-id warehouse reopen 'invoices 2026-11-22' --rejected --reason 'sender is registered'",
    ),
    section="rejected",
)
@click.argument("campaign")
@click.option(
    "--rejected",
    is_flag=True,
    help="All rejected recipients of the campaign. Required: nothing else can be re-opened.",
)
@click.option("--reason", required=True, help="Why, in one line; it is kept. Runs of five digits and more are masked.")
@click.option("--by", metavar="NAME", help="Your name; your login if not given. It is kept, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reopen(target: LedgerTarget, campaign: str, rejected: bool, reason: str, by: str | None, yes: bool) -> None:
    """Let a later attempt send to the rejected recipients of a campaign once more.

    Fix the cause first: the API refuses them again otherwise. Accepted, unknown and invalid rows stay as they are.
    Nothing is sent by this command. The number of recipients is shown first, and you are asked to confirm.
    """
    if not rejected:
        raise click.UsageError("Give --rejected: all rejected recipients of the campaign are what can be re-opened.")
    name = by or login()
    with target.open() as admin:
        count = admin.count_rejected(campaign)
    click.echo("\n".join(_report(count, campaign)))
    if not count.recipients:
        return
    confirm(f"Let a later attempt send to {recipients(count.recipients)} again?", yes=yes)
    with target.open() as admin:
        done = admin.reopen_rejected(campaign, reason=reason, by=name, expected=count.recipients, shown=count.digest)
    click.echo(
        f"Re-opened {recipients(done)} of campaign {campaign!r}, by {name}, at {moment(datetime.now(UTC))} UTC. "
        f"`{target.command('show', campaign)}` lists the decision."
    )
    if done < count.recipients:
        click.echo(f"The other {count.recipients - done:,} were decided on, or shown to be sent to, meanwhile.")
    if count.stopped_at:
        click.echo(f"First let the campaign go on: `{target.command('resume', campaign)}`.")
    click.echo("Clear the task, and its next attempt sends to them.")


def _report(count: RejectedCount, campaign: str) -> Iterator[str]:
    if count.recipients:
        yield (
            f"Campaign {campaign!r}: {recipients(count.recipients)} in {counted(count.requests, 'request')} "
            f"{'was' if count.recipients == 1 else 'were'} rejected."
        )
    else:
        yield f"Campaign {campaign!r} has no rejected recipients to re-open: there is nothing to decide."
    if count.received:
        yield f"Left as they are: {recipients(count.received)} whose message the carrier had, as a receipt says."
    if count.forgotten:
        yield f"Left as they are: {recipients(count.forgotten)} whose phone is forgotten."
    if count.stopped_at:
        yield f"The campaign is stopped, by {count.stopped_by} at {moment(count.stopped_at)} UTC."
    if count.recipients:
        yield f"Re-opened, {recipients(count.recipients)} will be sent to by a later attempt, and charged for."
