# SPDX-License-Identifier: Apache-2.0
"""The verbs that maintain a ledger: ``ddl``, ``grants``, ``migrate``, ``prune`` and ``forget``."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import click

from airflow_provider_uspeedo.cli.formatting import listed, moment, table
from airflow_provider_uspeedo.cli.prompts import confirm
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.plural import counted

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.reports import Pruning

MAX_LINES = 20
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def _age(_context: click.Context, _option: click.Parameter, text: str) -> timedelta:
    """``90d`` as a time.

    :raises click.BadParameter: it cannot be read.
    """
    found = re.fullmatch(r"([0-9]{1,5})([hdw])", text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no age: write a whole number with h, d or w, such as 90d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@click.command(
    cls=Verb,
    short_help="Print the statements that create a ledger.",
    examples=("airflow-uspeedo --results-table sms.uspeedo_results ddl --dialect postgresql > ledger.sql",),
    section="tables-and-rights",
)
@click.option(
    "--dialect", type=click.Choice(["postgresql", "mysql", "sqlite"]), required=True, help="mysql: MariaDB, too."
)
@click.pass_obj
def ddl(target: LedgerTarget, dialect: Literal["postgresql", "mysql", "sqlite"]) -> None:
    """Print the statements that create a ledger, for databases where workers may not create tables."""
    with target.errors_as_lines():
        from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

        text = LedgerAdmin.ddl(dialect, results_table=target.location.results_table)
    click.echo(text.rstrip("\n"))


@click.command(
    cls=Verb,
    short_help="Print the statements that give rights on a ledger.",
    examples=("airflow-uspeedo grants --dialect postgresql --role worker --user airflow",),
    section="tables-and-rights",
)
@click.option("--dialect", type=click.Choice(["postgresql", "mysql"]), required=True, help="mysql: MariaDB, too.")
@click.option(
    "--role",
    type=click.Choice(["worker", "reader", "admin"]),
    required=True,
    help="worker: runs campaigns. reader: sees the results. admin: does what this command does.",
)
@click.option("--user", required=True, metavar="NAME", help="The database's user; for mysql also NAME@HOST.")
@click.pass_obj
def grants(
    target: LedgerTarget, dialect: Literal["postgresql", "mysql"], role: Literal["worker", "reader", "admin"], user: str
) -> None:
    """Print the statements that give a database user the least rights it needs on a ledger that is there."""
    full: Literal["worker", "reader", "administrator"] = "administrator" if role == "admin" else role
    with target.errors_as_lines():
        from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

        text = LedgerAdmin.grants(dialect, full, user, results_table=target.location.results_table)
    click.echo(text.rstrip("\n"))


@click.command(
    cls=Verb,
    short_help="Bring a ledger to this package's version.",
    examples=("airflow-uspeedo --conn-id warehouse migrate",),
    section="ledger-version",
)
@click.pass_obj
def migrate(target: LedgerTarget) -> None:
    """Bring a ledger of an older version of this package to the version of this one.

    Run it as the owner of the tables, once for each results table. It may be repeated.
    """
    with target.open() as admin:
        done = admin.migrate()
    if done.before == done.now:
        click.echo(f"The ledger has version {done.now} already.")
    else:
        click.echo(f"The ledger went from version {done.before} to version {done.now}.")
    made = "created" if done.created_results else "made anew"
    click.echo(f"The results relation {target.location.results_table} was {made}.")


@click.command(
    cls=Verb,
    short_help="Delete the recipients of old campaigns.",
    examples=("airflow-uspeedo --conn-id warehouse prune --older-than 90d",),
    section="campaign-pruned",
)
@click.option(
    "--older-than",
    callback=_age,
    required=True,
    metavar="AGE",
    help="Without an attempt for so long: 90d, 12w, 36h. Needed with --campaign, too.",
)
@click.option(
    "--campaign", "campaigns", multiple=True, metavar="NAME", help="Only this one; may be given several times."
)
@click.option(
    "--with-unknown", is_flag=True, help="Also campaigns with unknown outcomes: these cannot be resolved later."
)
@click.option("--dry-run", is_flag=True, help="Show what would be pruned, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def prune(
    target: LedgerTarget,
    older_than: timedelta,
    campaigns: tuple[str, ...],
    with_unknown: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Delete the recipients of old campaigns. Counts and name of a campaign stay: it can never run again."""
    with target.open() as admin:
        found = admin.prune(
            older_than=older_than, campaign_ids=campaigns or None, with_unknown=with_unknown, dry_run=True
        )
    chosen = [one.campaign_id for one in found if one.pruned]
    rows = sum(sum(one.counts.values()) for one in found if one.pruned)
    for line in _prunings(found):
        click.echo(line)
    if not chosen:
        click.echo("There is nothing to prune.")
    elif dry_run:
        click.echo(f"Would be pruned: {counted(len(chosen), 'campaign')} with {counted(rows, 'row')}.")
    else:
        click.echo(f"To be pruned, for ever: {counted(len(chosen), 'campaign')} with {counted(rows, 'row')}.")
        click.echo("Their counts and names stay; under these names no campaign can run again.")
        confirm("Delete their recipients?", yes=yes)
    if not dry_run:
        _prune(target, older_than, chosen, with_unknown)


def _prune(target: LedgerTarget, older_than: timedelta, chosen: list[str], with_unknown: bool) -> None:
    """Prunes the campaigns that were confirmed, and finishes what an earlier pruning left over."""
    with target.open() as admin:
        done = admin.prune(older_than=older_than, campaign_ids=chosen, with_unknown=with_unknown)
    if chosen:
        click.echo(f"Pruned: {counted(sum(one.pruned for one in done), 'campaign')}.")
    for one in done:
        if not one.pruned:
            click.echo(f"Left alone: {one.campaign_id}: {one.why_not}")


def _prunings(found: list[Pruning]) -> list[str]:
    heads = ("LAST ACTIVE (UTC)", "ROWS", "PLAN", "CAMPAIGN")
    rows = [
        (
            moment(one.last_active_at),
            listed(one.counts),
            "prune" if one.pruned else f"leave: {one.why_not}",
            one.campaign_id,
        )
        for one in found[:MAX_LINES]
    ]
    more = [f"and {len(found) - MAX_LINES:,} more"] if len(found) > MAX_LINES else []
    return [*table(heads, rows), *more] if found else []


@click.command(
    cls=Verb,
    short_help="Blank one phone in all campaigns.",
    examples=("airflow-uspeedo --conn-id warehouse forget",),
    section="forgetting-a-phone",
)
@click.option("--region", metavar="XX", help="Two letters, such as HK: the country of a phone without a country code.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def forget(target: LedgerTarget, region: str | None, yes: bool) -> None:
    """Blank one phone in all campaigns of the ledger. The campaigns that had it do not send to it again.

    The phone is asked for, or read from stdin: a command line can be seen by other users. Remove it from the source
    table first: a later run would write it again.
    """
    phone = _phone()
    with target.errors_as_lines():
        shown = _masked(phone, region)
    click.echo(f"Phone {shown} is going to be blanked in all campaigns of this ledger. That cannot be undone.")
    confirm("Blank it?", yes=yes)
    with target.open() as admin:
        done = admin.forget(phone, default_region=region)
    if not (done.recipients or done.rows or done.texts):
        click.echo(f"No campaign of this ledger holds {shown}; nothing was changed.")
    else:
        click.echo(
            f"Blanked in {counted(done.campaigns, 'campaign')}: {counted(done.recipients, 'recipient')}, "
            f"{counted(done.rows, 'row')} of tables, {counted(done.texts, 'text')} that quoted it."
        )
    if done.suppressed:
        click.echo("It stays on the suppression list, as a keyed hash, so that no campaign texts it again.")


def _phone() -> str:
    """:raises click.UsageError: stdin holds no phone, or several."""
    if sys.stdin.isatty():
        return str(click.prompt("Phone (not shown)", hide_input=True, err=True))
    lines = [line.strip() for line in sys.stdin.read(10_000).splitlines() if line.strip()]
    if len(lines) != 1:
        raise click.UsageError(f"stdin must hold one phone; it has {counted(len(lines), 'line')}.")
    return lines[0]


def _masked(phone: str, region: str | None) -> str:
    from airflow_provider_uspeedo.core.masking import mask_phone
    from airflow_provider_uspeedo.core.phones import BadPhone, normalise
    from airflow_provider_uspeedo.errors import ConfigurationError

    try:
        return mask_phone(normalise(phone, region))
    except BadPhone as error:
        raise ConfigurationError(
            f"The text is no phone: {error.reason}.".replace(", or set bare_digits", "").replace(
                "default_region", "--region"
            )
        ) from None
