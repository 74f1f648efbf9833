# SPDX-License-Identifier: Apache-2.0
"""The verbs that hold a campaign and let it go on: ``stop`` and ``resume``."""

from __future__ import annotations

import click

from airflow_provider_uspeedo import administration
from airflow_provider_uspeedo.cli.formatting import moment, people
from airflow_provider_uspeedo.cli.prompts import login
from airflow_provider_uspeedo.cli.target import Place
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.plural import counted


@click.command(
    cls=Verb,
    short_help="Let no further request of a campaign begin.",
    examples=("airflow-uspeedo --conn-id warehouse stop 'invoices 2026-11-22'",),
    runbook="docs/runbook.md#campaign-stopped-by-a-person",
)
@click.argument("campaign")
@click.option("--by", metavar="WHO", help="Who says so; your login if not given.")
@click.pass_obj
def stop(place: Place, campaign: str, by: str | None) -> None:
    """Stop a campaign: no further request begins, in any of its tasks, on any machine.

    Requests that are on their way cannot be called back. It stays stopped, also for retries, until `resume`.
    """
    who = by or login()
    with place.reached():
        done = administration.stop_campaign(campaign, by=who, **place.where)
    if done.changed:
        click.echo(f"Campaign {campaign!r} is stopped: no further request begins.")
    else:
        click.echo(f"Campaign {campaign!r} was stopped already, by {done.stopped_by} at {moment(done.stopped_at)} UTC.")
    if done.requests_in_flight:
        click.echo(
            f"On their way and not to be called back: {counted(done.requests_in_flight, 'request')} with "
            f"{people(done.recipients_in_flight)}."
        )
    click.echo(f"To let it go on: `{place.command('resume', campaign)}`, then clear its task.")


@click.command(
    cls=Verb,
    short_help="Let a stopped campaign go on.",
    examples=("airflow-uspeedo --conn-id warehouse resume 'invoices 2026-11-22'",),
    runbook="docs/runbook.md#campaign-stopped-by-a-person",
)
@click.argument("campaign")
@click.pass_obj
def resume(place: Place, campaign: str) -> None:
    """Let a stopped campaign go on. Its next try texts whoever was not sent; clear the task for that."""
    with place.reached():
        done = administration.resume_campaign(campaign, **place.where)
    if done.changed:
        click.echo(f"Campaign {campaign!r} may go on. Clear its task: the next try texts whoever was not sent.")
    else:
        click.echo(f"Campaign {campaign!r} was not stopped; nothing was changed.")
