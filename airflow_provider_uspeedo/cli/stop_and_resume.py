# SPDX-License-Identifier: Apache-2.0
"""The verbs that stop a campaign and let it go on: ``stop`` and ``resume``."""

from __future__ import annotations

import click

from airflow_provider_uspeedo.cli.formatting import moment, recipients
from airflow_provider_uspeedo.cli.prompts import login
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.plural import counted


@click.command(
    cls=Verb,
    short_help="Let no further request of a campaign begin.",
    examples=("airflow-uspeedo --conn-id warehouse stop 'invoices 2026-11-22'",),
    section="campaign-stopped-by-a-person",
)
@click.argument("campaign")
@click.option("--by", metavar="NAME", help="Your name; your login if not given.")
@click.pass_obj
def stop(target: LedgerTarget, campaign: str, by: str | None) -> None:
    """Stop a campaign: no further request begins, in any of its tasks, on any machine.

    Requests that are under way cannot be called back. It stays stopped, also for retries, until `resume`.
    """
    who = by or login()
    with target.open() as admin:
        done = admin.stop(campaign, by=who)
    if done.changed:
        click.echo(f"Campaign {campaign!r} is stopped: no further request begins.")
    else:
        click.echo(f"Campaign {campaign!r} was stopped already, by {done.stopped_by} at {moment(done.stopped_at)} UTC.")
    if done.requests_in_flight:
        click.echo(
            f"Under way, and not to be called back: {counted(done.requests_in_flight, 'request')} with "
            f"{recipients(done.recipients_in_flight)}."
        )
    click.echo(f"To let it go on: `{target.command('resume', campaign)}`, then clear its task.")


@click.command(
    cls=Verb,
    short_help="Let a stopped campaign go on.",
    examples=("airflow-uspeedo --conn-id warehouse resume 'invoices 2026-11-22'",),
    section="campaign-stopped-by-a-person",
)
@click.argument("campaign")
@click.pass_obj
def resume(target: LedgerTarget, campaign: str) -> None:
    """Let a stopped campaign go on. Clear its task: the next attempt texts the remaining recipients."""
    with target.open() as admin:
        done = admin.resume(campaign)
    if done.changed:
        click.echo(f"Campaign {campaign!r} may go on. Clear its task: the next attempt texts the remaining recipients.")
    else:
        click.echo(f"Campaign {campaign!r} was not stopped; nothing was changed.")
