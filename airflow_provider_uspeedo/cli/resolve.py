# SPDX-License-Identifier: Apache-2.0
"""The verb that says what became of unknown outcomes: ``resolve``."""

from __future__ import annotations

from pathlib import Path

import click

from airflow_provider_uspeedo import administration
from airflow_provider_uspeedo.administration import UnknownCount
from airflow_provider_uspeedo.cli.formatting import ago, moment, people
from airflow_provider_uspeedo.cli.prompts import confirm, login
from airflow_provider_uspeedo.cli.target import Place
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.plural import counted

ONLY_THIS_CAMPAIGN = (
    "Only messages of this campaign count: an older message of another campaign to the same phone would look the same."
)


@click.command(
    cls=Verb,
    short_help="Say what became of unknown outcomes.",
    examples=(
        "airflow-uspeedo --conn-id warehouse resolve 'invoices 2026-11-22' --as sent",
        "airflow-uspeedo --conn-id warehouse resolve 'invoices 2026-11-22' --sent-file export.csv",
    ),
    runbook="docs/runbook.md#unknown",
)
@click.argument("campaign")
@click.option("--as", "said", type=click.Choice(["sent", "not-sent"]), help="What became of all unknown ones.")
@click.option(
    "--sent-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of --as: numbers that USpeedo's console lists as sent, one in each line or a CSV. Who is listed was "
    "sent; nothing follows for the others.",
)
@click.option(
    "--column", metavar="NAME", help="The column of the CSV, by name or number, if it is not found by itself."
)
@click.option("--by", metavar="WHO", help="Who says so; your login if not given. It is kept with the outcome.")
@click.option(
    "--in-flight",
    is_flag=True,
    help="With --as not-sent: also requests without an answer that left in the last five minutes.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def resolve(
    place: Place,
    campaign: str,
    said: str | None,
    sent_file: Path | None,
    column: str | None,
    by: str | None,
    in_flight: bool,
    yes: bool,
) -> None:
    """Say what became of people of whom nobody knows whether they were texted.

    Sent: they count as accepted, and are never texted again. Not sent: a later try texts them; whoever was texted after
    all gets it twice. Before it is done you are told of how many people it is, and asked.
    """
    _check(said, sent_file, column, in_flight)
    who = by or login()
    as_sent = said != "not-sent"
    with place.reached():
        phones = _numbers(sent_file, column)
        count = administration.count_unknown(campaign, phones=phones, **place.where)
    if phones is not None:
        _tell_of_file(count, len(phones))
    if not count.recipients:
        _nothing_to_decide(place, campaign, sent_file)
        return
    _tell(count, campaign, as_sent)
    if phones is not None:
        click.echo(ONLY_THIS_CAMPAIGN)
    confirm(f"Say that {people(count.recipients)} {'were' if as_sent else 'were NOT'} sent?", yes=yes)
    with place.reached():
        done = administration.resolve_campaign(
            campaign,
            as_sent=as_sent,
            by=who,
            phones=phones,
            in_flight=in_flight,
            expected=count.recipients,
            **place.where,
        )
        left = administration.count_unknown(campaign, **place.where).recipients
    click.echo(f"Said of {people(done)} of campaign {campaign!r}: {'sent' if as_sent else 'not sent'}, by {who}.")
    click.echo(_next(left, as_sent))


def _check(said: str | None, sent_file: Path | None, column: str | None, in_flight: bool) -> None:
    """:raises click.UsageError: options that do not go together."""
    if sent_file is not None and said == "not-sent":
        raise click.UsageError(
            "--sent-file says who was sent; nothing follows for the others: leave --as not-sent out."
        )
    if sent_file is None and said is None:
        raise click.UsageError("Say what became of them: --as sent, --as not-sent, or --sent-file FILE.")
    if column is not None and sent_file is None:
        raise click.UsageError("--column is the column of a --sent-file; there is none.")
    if in_flight and said != "not-sent":
        raise click.UsageError("--in-flight goes with --as not-sent; --as sent needs no permission.")


def _numbers(sent_file: Path | None, column: str | None) -> list[str] | None:
    if sent_file is None:
        return None
    from airflow_provider_uspeedo.cli.sent_file import read_numbers

    return read_numbers(sent_file, column)


def _tell_of_file(count: UnknownCount, lines: int) -> None:
    has = f"The file has {counted(lines, 'line')} with {counted(count.listed, 'different number')}"
    if not count.matched:
        click.echo(f"{has}; none of them is an unknown recipient of this campaign: there is nothing to decide.")
    elif count.matched == 1:
        click.echo(f"{has}; 1 of them is an unknown recipient of this campaign.")
    else:
        click.echo(f"{has}; {count.matched:,} of them are unknown recipients of this campaign.")
    if count.ambiguous:
        click.echo(
            f"Left unknown: {people(count.ambiguous)}, because the campaign has more messages to their phone than the "
            "file lists, or a number can be read as two phones."
        )
    if count.unreadable:
        click.echo(f"Not to be read as a phone: {counted(count.unreadable, 'line')} of the file.")
    click.echo("Nothing follows for people who are not in the file.")


def _nothing_to_decide(place: Place, campaign: str, sent_file: Path | None) -> None:
    """:raises click.ClickException: the file is of nobody who is unknown: most likely it is the wrong one."""
    with place.reached():
        waiting = sent_file is not None and administration.count_unknown(campaign, **place.where).recipients
    if waiting:
        raise click.ClickException(
            f"No number in {str(sent_file)!r} shows an unknown recipient of campaign {campaign!r} as sent. Nothing was "
            "changed: is it the export of this campaign, and are the numbers whole, with their country code?"
        )
    click.echo(f"Campaign {campaign!r} has no unknown outcomes: there is nothing to decide.")


def _tell(count: UnknownCount, campaign: str, as_sent: bool) -> None:
    click.echo(
        f"Campaign {campaign!r}: {people(count.recipients)} in {counted(count.requests, 'request')} may or may not "
        "have been texted."
    )
    click.echo(f"The campaign began at {moment(count.began_at)} UTC, {ago(count.began_at)}.")
    if count.newest_sent_at:
        click.echo(
            f"The newest of these requests left at {moment(count.newest_sent_at)} UTC, {ago(count.newest_sent_at)}."
        )
    if count.in_flight:
        click.echo(
            f"Of these people {count.in_flight:,} are in flight: their request left and no answer was written down. If "
            "a task of this campaign is still running, the answer may yet come: wait for its end."
        )
    if as_sent:
        click.echo(f"If you say sent: {people(count.recipients)} will count as accepted, and never be texted again.")
    else:
        click.echo(
            f"If you say not sent: a later try will text {people(count.recipients)}. Whoever was texted after all gets "
            "it twice."
        )


def _next(left: int, as_sent: bool) -> str:
    if left:
        return f"Still unknown: {people(left)}. The task fails until somebody decides on them, too."
    if as_sent:
        return "Nobody is unknown any more: clear the failed task, and it goes on with whoever was not sent."
    return "Nobody is unknown any more: clear the failed task, and its next try texts them."
