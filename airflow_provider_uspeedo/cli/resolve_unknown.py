# SPDX-License-Identifier: Apache-2.0
"""The verb that decides on unknown outcomes: ``resolve``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airflow_provider_uspeedo.cli.formatting import ago, moment, recipients
from airflow_provider_uspeedo.cli.prompts import confirm, login
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.plural import counted

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.reports import UnknownCount

ONLY_THIS_CAMPAIGN = (
    "Only messages of this campaign count: an older message of another campaign to the same phone cannot be told apart."
)


@click.command(
    cls=Verb,
    short_help="Resolve unknown outcomes.",
    examples=(
        "airflow-uspeedo --conn-id warehouse resolve 'invoices 2026-11-22' --as sent",
        "airflow-uspeedo --conn-id warehouse resolve 'invoices 2026-11-22' --request 01909b8e7c2a --as not-sent",
        "airflow-uspeedo --conn-id warehouse resolve 'invoices 2026-11-22' --sent-file export.csv",
    ),
    section="unknown",
)
@click.argument("campaign")
@click.option("--as", "outcome", type=click.Choice(["sent", "not-sent"]), help="The outcome of all unknown recipients.")
@click.option(
    "--request",
    metavar="ID",
    help="With --as: only the unknown recipients of this request, by the id that `show` lists; its first 8 digits or "
    "more will do.",
)
@click.option(
    "--sent-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of --as: numbers that USpeedo's console lists as sent, one in each line or a CSV. Listed numbers "
    "were sent; nothing follows for the others.",
)
@click.option(
    "--column", metavar="NAME", help="The column of the CSV, by name or number, if it is not found by itself."
)
@click.option("--by", metavar="NAME", help="Your name; your login if not given. It is kept with the outcome.")
@click.option(
    "--in-flight",
    is_flag=True,
    help="With --as not-sent: also requests still in flight, marked in the last five minutes.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def resolve(
    target: LedgerTarget,
    campaign: str,
    outcome: str | None,
    request: str | None,
    sent_file: Path | None,
    column: str | None,
    by: str | None,
    in_flight: bool,
    yes: bool,
) -> None:
    """Resolve unknown outcomes: record whether the unknown recipients of a campaign were texted.

    Sent: they count as accepted, and are never texted again. Not sent: a later attempt texts them; a recipient that
    was texted after all gets the message twice. The number of recipients is shown first, and you are asked to confirm.
    """
    _check(outcome, request, sent_file, column, in_flight)
    name = by or login()
    as_sent = outcome != "not-sent"
    with target.open() as admin:
        phones = _numbers(sent_file, column)
        request = request and admin.find_request(campaign, request)
        count = admin.count_unknown(campaign, phones=phones, request=request)
    if phones is not None:
        _report_file(count, len(phones))
    if not count.recipients:
        _report_nothing_to_decide(target, campaign, sent_file, request)
        return
    _report(count, campaign, request, as_sent)
    if phones is not None:
        click.echo(ONLY_THIS_CAMPAIGN)
    confirm(f"Record {recipients(count.recipients)} as {'sent' if as_sent else 'NOT sent'}?", yes=yes)
    with target.open() as admin:
        done = admin.resolve(
            campaign,
            as_sent=as_sent,
            by=name,
            phones=phones,
            request=request,
            in_flight=in_flight,
            expected=count.recipients,
            shown=count.digest or None,
        )
        left = admin.count_unknown(campaign).recipients
    recorded = "sent" if as_sent else "not sent"
    click.echo(
        f"Recorded {recipients(done)} in {counted(count.requests, 'request')} of campaign {campaign!r} as {recorded}, "
        f"by {name}, at {moment(datetime.now(UTC))} UTC. `{target.command('show', campaign)}` lists the decision."
    )
    click.echo(_next_step(left, as_sent))


def _check(
    outcome: str | None, request: str | None, sent_file: Path | None, column: str | None, in_flight: bool
) -> None:
    """:raises click.UsageError: options that do not go together."""
    if sent_file is not None and request is not None:
        raise click.UsageError("--request and --sent-file are two ways to choose recipients: give one of them.")
    if sent_file is not None and outcome == "not-sent":
        raise click.UsageError(
            "--sent-file lists what was sent; nothing follows for the others: leave --as not-sent out."
        )
    if sent_file is None and outcome is None:
        raise click.UsageError("Give the outcome: --as sent, --as not-sent, or --sent-file FILE.")
    if column is not None and sent_file is None:
        raise click.UsageError("--column is the column of a --sent-file; there is none.")
    if in_flight and outcome != "not-sent":
        raise click.UsageError("--in-flight goes with --as not-sent; --as sent includes requests in flight anyway.")


def _numbers(sent_file: Path | None, column: str | None) -> list[str] | None:
    if sent_file is None:
        return None
    from airflow_provider_uspeedo.cli.sent_file import read_numbers

    return read_numbers(sent_file, column)


def _report_file(count: UnknownCount, lines: int) -> None:
    has = f"The file has {counted(lines, 'line')} with {counted(count.listed, 'different number')}"
    if not count.matched:
        click.echo(f"{has}; none of them is an unknown recipient of this campaign: there is nothing to decide.")
    elif count.matched == 1:
        click.echo(f"{has}; 1 of them is an unknown recipient of this campaign.")
    else:
        click.echo(f"{has}; {count.matched:,} of them are unknown recipients of this campaign.")
    if count.ambiguous:
        click.echo(
            f"Left unknown: {recipients(count.ambiguous)}, because the campaign has more messages to their phone than "
            "the file lists, or a number can be read as two phones."
        )
    if count.unreadable:
        click.echo(f"Not readable as a phone: {counted(count.unreadable, 'line')} of the file.")
    click.echo("Nothing follows for recipients that are not in the file.")


def _report_nothing_to_decide(target: LedgerTarget, campaign: str, sent_file: Path | None, request: str | None) -> None:
    """:raises click.ClickException: the file lists no unknown recipient: most likely it is the wrong one."""
    with target.open() as admin:
        waiting = sent_file is not None and admin.count_unknown(campaign).recipients
    if waiting:
        raise click.ClickException(
            f"No number in {str(sent_file)!r} shows an unknown recipient of campaign {campaign!r} as sent. Nothing was "
            "changed: is it the export of this campaign, and are the numbers whole, with their country code?"
        )
    what = f"Campaign {campaign!r}" if request is None else f"Request {request} of campaign {campaign!r}"
    click.echo(f"{what} has no unknown outcomes: there is nothing to decide.")


def _report(count: UnknownCount, campaign: str, request: str | None, as_sent: bool) -> None:
    requests = counted(count.requests, "request") if request is None else f"request {request}"
    click.echo(f"Campaign {campaign!r}: {recipients(count.recipients)} in {requests} may or may not have been texted.")
    click.echo(f"The campaign began at {moment(count.began_at)} UTC, {ago(count.began_at)}.")
    if count.newest_sent_at:
        click.echo(
            f"The newest of these requests left at {moment(count.newest_sent_at)} UTC, {ago(count.newest_sent_at)}."
        )
    if count.in_flight:
        click.echo(
            f"In flight: {recipients(count.in_flight)} of these; their request left and no answer was recorded. If a "
            "task of this campaign is still running, the answer may yet come: wait for its end."
        )
    if as_sent:
        click.echo(
            f"Recorded as sent, {recipients(count.recipients)} will count as accepted, and never be texted again."
        )
    else:
        click.echo(
            f"Recorded as not sent, {recipients(count.recipients)} will be texted by a later attempt. A recipient that "
            "was texted after all gets the message twice."
        )


def _next_step(left: int, as_sent: bool) -> str:
    if left:
        return f"Still unknown: {recipients(left)}. The task fails until they are resolved, too."
    if as_sent:
        return "No outcome is unknown any more: clear the failed task, and it texts the remaining recipients."
    return "No outcome is unknown any more: clear the failed task, and its next attempt texts them."
