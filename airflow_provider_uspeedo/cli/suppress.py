# SPDX-License-Identifier: Apache-2.0
"""The verbs for the suppression list: ``suppress add``, ``remove``, ``import``, ``list`` and ``check``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from airflow_provider_uspeedo.cli.formatting import as_json, moment, table
from airflow_provider_uspeedo.cli.prompts import login
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb, VerbGroup
from airflow_provider_uspeedo.core.plural import counted

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.suppression_records import SuppressedPhones, SuppressionChange

RUNBOOK = "the-suppression-list"
STDIN = "-"

region = click.option(
    "--default-region",
    "--region",
    "region",
    metavar="XX",
    help="Two letters, such as HK: the country of phones without a country code; that of the campaigns.",
)
why = click.option("--reason", metavar="TEXT", required=True, help="Why; kept with each phone.")
who = click.option("--by", metavar="NAME", help="Your name; your login if not given. It is kept with each phone.")
phone = click.argument("phone", default=STDIN)


@click.group(
    cls=VerbGroup,
    short_help="Phones that no campaign of the ledger may text.",
    section=RUNBOOK,
)
def suppress() -> None:
    """Phones that no campaign of this ledger may text, whatever a DAG says.

    The ledger holds a keyed hash of each phone, not the phone. A phone that is added while a campaign runs is not
    texted by any request that begins afterwards.
    """


@suppress.command(
    "add",
    cls=Verb,
    short_help="Put a phone on the list.",
    examples=("airflow-uspeedo --conn-id warehouse suppress add - --reason 'asked us to stop'",),
    section=RUNBOOK,
)
@phone
@why
@who
@region
@click.pass_obj
def add(target: LedgerTarget, phone: str, reason: str, by: str | None, region: str | None) -> None:
    """Put a phone on the suppression list; the ledger is created if there is none.

    A PHONE on the command line stands in the shell's history, and other users see it in the list of processes. With -,
    or without it, phones are read from stdin, one in each line; at a terminal one is asked for.
    """
    name, phones = by or login(), _phones(phone)
    with target.open() as admin:
        absence = admin.absence()
        done = admin.suppress_add(phones, reason=reason, by=name, default_region=region)
    click.echo(f"{_put(done)} No request that begins from now on texts {_them(done)}. {_of(target)}")
    _warn_of_new_ledger(absence, target)


@suppress.command(
    "remove",
    cls=Verb,
    short_help="Take a phone off the list.",
    examples=("airflow-uspeedo --conn-id warehouse suppress remove -",),
    section=RUNBOOK,
)
@phone
@region
@click.pass_obj
def remove(target: LedgerTarget, phone: str, region: str | None) -> None:
    """Take a phone off the suppression list: campaigns may text it again.

    PHONE is read as `suppress add` reads it.
    """
    phones = _phones(phone)
    with target.open() as admin:
        done = admin.suppress_remove(phones, default_region=region)
    if done.changed:
        click.echo(f"Taken off the list: {counted(done.changed, 'phone')}. Campaigns may text {_them(done)} again.")
    else:
        click.echo("Not on the list; nothing was changed.")


@suppress.command(
    "import",
    cls=Verb,
    short_help="Put the phones of a file on the list.",
    examples=("airflow-uspeedo --conn-id warehouse suppress import opt-outs.csv --reason 'opted out' --column msisdn",),
    section=RUNBOOK,
)
@click.argument("file")
@why
@click.option("--column", metavar="NAME", help="The column of the phones, if there are several and none is 'phone'.")
@who
@region
@click.option(
    "--accept-unreadable", is_flag=True, help="Also if more than 1 % of the rows are no phones: these are left out."
)
@click.pass_obj
def import_(
    target: LedgerTarget,
    file: str,
    reason: str,
    column: str | None,
    by: str | None,
    region: str | None,
    accept_unreadable: bool,
) -> None:
    """Put the phones of a file on the suppression list; phones that are on it stay as they are.

    FILE is Parquet or CSV (*.csv, *.tsv), a folder or URI of them, or plain text with one phone in each line; - is
    plain text from stdin. The whole file is read before anything is changed. It may be repeated.
    """
    name = by or login()
    if file == STDIN and column is not None:
        raise click.UsageError("stdin is plain text with one phone in each line: it has no --column.")
    with target.open() as admin:
        from airflow_provider_uspeedo.administration import phones_in_file
        from airflow_provider_uspeedo.tables.phone_file import phones_in_lines

        absence = admin.absence()
        done = admin.suppress_import(
            phones_in_lines(sys.stdin) if file == STDIN else phones_in_file(file, column),
            reason=reason,
            by=name,
            default_region=region,
            accept_unreadable=accept_unreadable,
        )
    click.echo(f"{_put(done)} Read: {counted(done.rows, 'row')}. {_of(target)}")
    if done.unreadable:
        click.echo(f"Left out, as no phones: {counted(done.unreadable, 'row')}: {done.unreadable_rows}.")
    _warn_of_new_ledger(absence, target)


@suppress.command(
    "list",
    cls=Verb,
    short_help="How many are on the list, by whom and why.",
    examples=("airflow-uspeedo --conn-id warehouse suppress list",),
    section=RUNBOOK,
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many entries.")
@click.option("--json", "in_json", is_flag=True, help="For a program; times are ISO 8601 in UTC.")
@click.pass_obj
def list_(target: LedgerTarget, limit: int, in_json: bool) -> None:
    """Show how many phones are on the suppression list, by whom and why, and its newest entries.

    Not the phones: the ledger holds keyed hashes, of which the first digits are shown. `suppress check` says whether a
    phone is on the list.
    """
    with target.open() as admin:
        found = admin.suppress_list(limit)
        absence = "" if found.phones else admin.absence()
    if in_json:
        click.echo(as_json(found))
    elif absence:
        click.echo(f"There is no ledger in {target}: {absence}.", err=True)
    else:
        click.echo("\n".join(_report(found)))


@suppress.command(
    "check",
    cls=Verb,
    short_help="Say whether a phone is on the list.",
    examples=("airflow-uspeedo --conn-id warehouse suppress check -",),
    section=RUNBOOK,
)
@phone
@region
@click.pass_obj
def check(target: LedgerTarget, phone: str, region: str | None) -> None:
    """Say whether a phone is on the suppression list, who put it there, when and why.

    PHONE is read as `suppress add` reads it, and must be one. The exit code is 0 in both cases.
    """
    phones = _phones(phone)
    if len(phones) != 1:
        raise click.UsageError(f"stdin must hold one phone; it has {counted(len(phones), 'line')}.")
    with target.open() as admin:
        found = admin.suppress_check(phones[0], default_region=region)
    for one in found:
        click.echo(f"On the list, as {one.hash}: by {one.by} at {moment(one.at)} UTC: {one.reason}")
    if not found:
        click.echo("Not on the list.")


def _phones(phone: str) -> list[str]:
    """The phone of the command line; or those of stdin, one in each line."""
    if phone != STDIN:
        return [phone]
    if sys.stdin.isatty():
        return [str(click.prompt("Phone (not shown)", hide_input=True, err=True))]
    return [line.strip() for line in sys.stdin if line.strip()]


def _put(done: SuppressionChange) -> str:
    if not done.changed:
        return "On the list already; nothing was changed."
    others = "; others were on it already, or are listed twice" if done.changed < done.rows - done.unreadable else ""
    return f"Put on the list: {counted(done.changed, 'phone')}{others}."


def _of(target: LedgerTarget) -> str:
    return f"It is the list of the ledger in {target}."


def _warn_of_new_ledger(absence: str, target: LedgerTarget) -> None:
    """A list in a ledger that no task uses holds nobody back."""
    if absence:
        click.echo(
            f"WARNING: There was no ledger in {target}; it was made now, and no campaign has run in it. A campaign "
            "asks the list of its own ledger alone: the one that its task names with results_conn_id.",
            err=True,
        )


def _them(done: SuppressionChange) -> str:
    return "it" if done.rows == 1 else "them"


def _report(found: SuppressedPhones) -> Iterator[str]:
    yield f"On the list: {counted(found.phones, 'phone')}. The ledger holds their keyed hashes, not the phones."
    if not found.phones:
        return
    yield ""
    heads = ("PHONES", "FIRST (UTC)", "LAST (UTC)", "BY", "REASON")
    groups = [
        (f"{one.phones:,}", moment(one.first_at), moment(one.last_at), one.by, one.reason) for one in found.groups
    ]
    yield from table(heads, groups, right=[0])
    yield ""
    yield "Newest entries" if len(found.newest) < found.phones else "Entries"
    rows = [(f"  {one.hash}", moment(one.at), one.by, one.reason) for one in found.newest]
    yield from table(("  HASH", "ADDED (UTC)", "BY", "REASON"), rows)
