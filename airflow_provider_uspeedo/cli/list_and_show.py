# SPDX-License-Identifier: Apache-2.0
"""The verbs that change nothing: ``list`` and ``show``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from airflow_provider_uspeedo.cli.formatting import ago, as_json, as_object, listed, moment, recipients, table
from airflow_provider_uspeedo.cli.target import LedgerTarget
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.core.what_to_do import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
    from airflow_provider_uspeedo.ledger.admin.reports import (
        AttemptLine,
        CampaignLine,
        CampaignOverview,
        UnknownCount,
    )

MAX_LINES = 20
"""Attempts and requests that are listed one by one; JSON has more."""


@click.command(
    "list",
    cls=Verb,
    short_help="List the campaigns of the ledger.",
    examples=("airflow-uspeedo --conn-id warehouse list",),
    section="looking-at-a-campaign",
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--json", "in_json", is_flag=True, help="For a program; times are ISO 8601 in UTC.")
@click.pass_obj
def list_(target: LedgerTarget, limit: int, in_json: bool) -> None:
    """List the campaigns of the ledger, the newest first."""
    with target.open() as admin:
        campaigns = admin.list_campaigns(limit)
        absence = "" if campaigns else admin.absence()
        undecided = [_undecided(one, admin) for one in campaigns]
    if in_json:
        click.echo(as_json([{**as_object(one), **counts} for one, counts in zip(campaigns, undecided, strict=True)]))
    elif not campaigns:
        text = f"There is no ledger in {target}: {absence}." if absence else f"There are no campaigns in {target}."
        click.echo(text, err=True)
    else:
        heads = ("LAST ATTEMPT (UTC)", "ATTEMPTS", "STATE", "UNKNOWN", "IN FLIGHT", "CAMPAIGN")
        rows = [
            (
                moment(one.last_started_at),
                f"{one.attempts:,}",
                _state(one),
                *map("{:,}".format, counts),
                one.campaign_id,
            )
            for one, counts in zip(campaigns, map(dict.values, undecided), strict=True)
        ]
        click.echo("\n".join(table(heads, rows, right=[1, 3, 4])))
        if len(campaigns) == limit:
            click.echo(f"These are the newest {limit:,}; --limit shows more.", err=True)


@click.command(
    cls=Verb,
    short_help="Show one campaign: counts, unknowns, attempts.",
    examples=("airflow-uspeedo --conn-id warehouse show 'invoices 2026-11-22'",),
    section="looking-at-a-campaign",
)
@click.argument("campaign")
@click.option("--json", "in_json", is_flag=True, help="For a program; times are ISO 8601 in UTC.")
@click.pass_obj
def show(target: LedgerTarget, campaign: str, in_json: bool) -> None:
    """Show one campaign: counts, progress, unknown outcomes, attempts. No phones."""
    with target.open() as admin:
        found = _masked(admin.show(campaign))
    click.echo(as_json(found) if in_json else "\n".join(_report(found, target)))


_REPLACED = ("superseded",)
"""Requests that were claimed and then replaced: they sent nothing."""


def _undecided(campaign: CampaignLine, admin: LedgerAdmin) -> dict[str, int]:
    """How many recipients wait for a decision, and how many for an answer; counted only where there may be some."""
    unknown = in_flight = 0
    if not campaign.pruned_at and campaign.may_have_unknown:
        count = admin.count_unknown(campaign.campaign_id)
        unknown, in_flight = count.recipients - count.in_flight, count.in_flight
    return {"unknown_recipients": unknown, "in_flight_recipients": in_flight}


def _state(campaign: CampaignLine) -> str:
    if campaign.pruned_at:
        return "pruned"
    if campaign.stopped_at:
        return "stopped"
    return "running or killed" if campaign.open_attempts else "ended"


def _masked(found: CampaignOverview) -> CampaignOverview:
    """Without phones: the vendor's messages may quote one."""
    shown = [replace(one, reason=one.reason and mask_digits(one.reason)) for one in found.unknown_requests]
    return replace(found, unknown_requests=tuple(shown))


def _report(found: CampaignOverview, target: LedgerTarget) -> Iterator[str]:
    yield f"Campaign {found.campaign_id}"
    yield f"  began         {moment(found.created_at)} UTC, {ago(found.created_at)}"
    yield f"  a recipient   is {found.keys}"
    if found.pruned_at:
        yield f"  pruned        {moment(found.pruned_at)} UTC: it can never run again; the counts are of that moment"
    if found.stopped_at:
        yield f"  stopped       by {found.stopped_by} at {moment(found.stopped_at)} UTC"
    yield ""
    yield from _rows(found)
    yield f"Requests by state: {listed(found.requests, _REPLACED)}"
    yield from _unknown(found)
    yield from _decisions(found)
    yield from _attempts(found)
    yield from _next_steps(found, target)


def _rows(found: CampaignOverview) -> Iterator[str]:
    yield "Rows of the table, as last read"
    counts = [(status, found.counts.get(status, 0)) for status in STATUSES]
    shown = [(f"  {status}", f"{number:,}") for status, number in counts if number]
    yield from table(("  status", "rows"), [*shown, ("  all", f"{sum(found.counts.values()):,}")], right=[1])
    if any(found.gone.values()):
        yield f"No longer in the table: {listed(found.gone)}"
    yield ""


def _unknown(found: CampaignOverview) -> Iterator[str]:
    if not found.unknown.recipients:
        return
    yield ""
    yield from _summed(found.unknown)
    heads = ("  REQUEST", "SENT (UTC)", "RECIPIENTS", "IN FLIGHT", "SESSION NO", "REQUESTUUID", "REASON")
    rows = [
        (
            f"  {one.id}", moment(one.sent_at), f"{one.recipients:,}", "yes" if one.in_flight else "no",
            one.session_no or "-", one.request_id or "-", one.reason or "-",
        )
        for one in found.unknown_requests[:MAX_LINES]
    ]  # fmt: skip
    yield from table(heads, rows, right=[2])
    if found.unknown.requests > MAX_LINES:
        yield f"  and {found.unknown.requests - MAX_LINES:,} more"


def _summed(unknown: UnknownCount) -> Iterator[str]:
    """Recipients in flight are counted apart: they may still be answered, a decision would come too early."""
    in_flight = unknown.in_flight
    if in_flight < unknown.recipients:
        yield (
            f"Unknown: {recipients(unknown.recipients)} in {counted(unknown.requests, 'request')}; each of them may or "
            "may not have been texted"
        )
    if in_flight:
        yield (
            f"{recipients(in_flight)} {'is' if in_flight == 1 else 'are'} in flight: wait for the answers. Decide only "
            "if no task of this campaign runs any more."
        )


def _decisions(found: CampaignOverview) -> Iterator[str]:
    if not found.decisions:
        return
    yield ""
    yield "Decisions of people"
    heads = ("  MADE (UTC)", "OUTCOME", "RECIPIENTS", "REQUESTS", "BY", "REASON")
    rows = [
        (
            f"  {moment(one.when)}", one.outcome, f"{one.recipients:,}", f"{one.requests:,}", one.who,
            mask_digits(one.reason) or "-",
        )
        for one in found.decisions[-MAX_LINES:]
    ]  # fmt: skip
    if len(found.decisions) > MAX_LINES:
        yield f"  {len(found.decisions) - MAX_LINES:,} earlier ones are left out"
    yield from table(heads, rows, right=[2, 3])


def _attempts(found: CampaignOverview) -> Iterator[str]:
    if not found.attempts:
        return
    yield ""
    yield "Attempts, and decisions of people"
    heads = ("  NO", "BEGAN (UTC)", "ENDED (UTC)", "HAS READ", "REQUESTS", "NAME")
    rows = [
        (
            f"  {one.number}", moment(one.started_at), moment(one.ended_at) if one.ended_at else "running or killed",
            _read(one), listed(one.requests, _REPLACED),
            one.name + (f", slice {one.slice_no}/{one.slice_count}" if one.slice_count > 1 else ""),
        )
        for one in found.attempts[-MAX_LINES:]
    ]  # fmt: skip
    if len(found.attempts) > MAX_LINES:
        yield f"  {len(found.attempts) - MAX_LINES:,} earlier ones are left out"
    yield from table(heads, rows)


def _read(attempt: AttemptLine) -> str:
    if attempt.read_whole:
        return "the whole table" if attempt.slice_count == 1 else "its whole slice"
    return counted(attempt.rows_read, "row") if attempt.rows_read else "-"


def _next_steps(found: CampaignOverview, target: LedgerTarget) -> Iterator[str]:
    """Commands that may be run next."""
    name = found.campaign_id
    if found.pruned_at:
        return
    if found.stopped_at:
        yield f"\nTo let it go on, run: {target.command('resume', name)}"
    if found.unknown.recipients > found.unknown.in_flight:
        yield f"\nFind out at USpeedo whether they were sent ({explain('unknown')}), then run one of:"
        for option in ("--as=sent", "--as=not-sent", "--sent-file=FILE"):
            yield f"  {target.command('resolve', name, option)}"
        if found.unknown.requests > 1:
            yield "The first two with --request and an id from above are about that request alone."
