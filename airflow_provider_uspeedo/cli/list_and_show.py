# SPDX-License-Identifier: Apache-2.0
"""The verbs that change nothing: ``list`` and ``show``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from airflow_provider_uspeedo import administration
from airflow_provider_uspeedo.cli.formatting import ago, as_json, as_object, listed, moment, people, table
from airflow_provider_uspeedo.cli.target import Place
from airflow_provider_uspeedo.cli.verb import Verb
from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.statuses import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_uspeedo.administration import CampaignLine, CampaignOverview, UnknownCount
    from airflow_provider_uspeedo.ledger.admin.reports import AttemptLine

MOST_LINES = 20
"""Tries and requests that are listed one by one; JSON has more."""


@click.command(
    "list",
    cls=Verb,
    short_help="List the campaigns of the ledger.",
    examples=("airflow-uspeedo --conn-id warehouse list",),
    runbook="docs/runbook.md#looking-at-a-campaign",
)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--json", "in_json", is_flag=True, help="For a program; times are ISO 8601 in UTC.")
@click.pass_obj
def list_(place: Place, limit: int, in_json: bool) -> None:
    """List the campaigns of the ledger, the newest first."""
    with place.reached():
        campaigns = administration.list_campaigns(limit=limit, **place.where)
        open_ = [_open_in(one, place) for one in campaigns]
    if in_json:
        click.echo(as_json([{**as_object(one), **counts} for one, counts in zip(campaigns, open_, strict=True)]))
    elif not campaigns:
        click.echo(f"There are no campaigns in {place}.", err=True)
    else:
        heads = ("LAST TRY BEGAN (UTC)", "TRIES", "STATE", "UNKNOWN", "IN FLIGHT", "CAMPAIGN")
        rows = [
            (moment(one.last_started_at), f"{one.tries:,}", _state(one), *map("{:,}".format, counts), one.campaign_id)
            for one, counts in zip(campaigns, map(dict.values, open_), strict=True)
        ]
        click.echo("\n".join(table(heads, rows, right=[1, 3, 4])))
        if len(campaigns) == limit:
            click.echo(f"These are the newest {limit:,}; --limit shows more.", err=True)


@click.command(
    cls=Verb,
    short_help="Show one campaign: counts, unknowns, tries.",
    examples=("airflow-uspeedo --conn-id warehouse show 'invoices 2026-11-22'",),
    runbook="docs/runbook.md#looking-at-a-campaign",
)
@click.argument("campaign")
@click.option("--json", "in_json", is_flag=True, help="For a program; times are ISO 8601 in UTC.")
@click.pass_obj
def show(place: Place, campaign: str, in_json: bool) -> None:
    """Show one campaign: counts, progress, what nobody knows, its tries. No phones."""
    with place.reached():
        found = _masked(administration.show_campaign(campaign, **place.where))
    click.echo(as_json(found) if in_json else "\n".join(_told(found, place)))


_OVER = ("superseded",)
"""Requests that were claimed and then replaced: they tell nothing of what was sent."""


def _open_in(campaign: CampaignLine, place: Place) -> dict[str, int]:
    """How many people wait for a decision, and how many for an answer; asked only where a request says there may be."""
    unknown = in_flight = 0
    asked_for = (campaign.requests.get("unknown"), campaign.requests.get("sending"), campaign.partly_unknown)
    if not campaign.pruned_at and any(asked_for):
        count = administration.count_unknown(campaign.campaign_id, **place.where)
        unknown, in_flight = count.recipients - count.in_flight, count.in_flight
    return {"unknown_recipients": unknown, "in_flight_recipients": in_flight}


def _state(campaign: CampaignLine) -> str:
    if campaign.pruned_at:
        return "pruned"
    if campaign.stopped_at:
        return "stopped"
    return "running or killed" if campaign.not_ended else "ended"


def _masked(found: CampaignOverview) -> CampaignOverview:
    """The vendor's own words may quote a phone."""
    shown = [replace(one, reason=one.reason and mask_digits(one.reason)) for one in found.unknown_requests]
    return replace(found, unknown_requests=tuple(shown))


def _told(found: CampaignOverview, place: Place) -> Iterator[str]:
    yield f"Campaign {found.campaign_id}"
    yield f"  began         {moment(found.created_at)} UTC, {ago(found.created_at)}"
    yield f"  a recipient   is {found.keys}"
    if found.pruned_at:
        yield f"  pruned        {moment(found.pruned_at)} UTC: it can never run again; the counts are those of then"
    if found.stopped_at:
        yield f"  stopped       by {found.stopped_by} at {moment(found.stopped_at)} UTC"
    yield ""
    yield from _rows(found)
    yield f"Requests by state: {listed(found.requests, _OVER)}"
    yield from _unknown(found)
    yield from _tries(found)
    yield from _next(found, place)


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
    heads = ("  SENT (UTC)", "PEOPLE", "IN FLIGHT", "SESSION NO", "REQUEST ID", "REASON")
    rows = [
        (
            f"  {moment(one.sent_at)}", f"{one.recipients:,}", "yes" if one.in_flight else "no", one.session_no or "-",
            one.request_id or "-", one.reason or "-",
        )
        for one in found.unknown_requests[:MOST_LINES]
    ]  # fmt: skip
    yield from table(heads, rows, right=[1])
    if found.unknown.requests > MOST_LINES:
        yield f"  and {found.unknown.requests - MOST_LINES:,} more"


def _summed(unknown: UnknownCount) -> Iterator[str]:
    """Whoever is in flight is to be waited for: a decision would come too early."""
    flying = unknown.in_flight
    if flying < unknown.recipients:
        yield (
            f"Unknown: {people(unknown.recipients)} in {counted(unknown.requests, 'request')}; each of them may have "
            "been texted, or not"
        )
    if flying:
        yield (
            f"{people(flying)} {'is' if flying == 1 else 'are'} in flight: wait for their answers. Decide only if no "
            "task of this campaign runs any more."
        )


def _tries(found: CampaignOverview) -> Iterator[str]:
    if not found.attempts:
        return
    yield ""
    yield "Tries, and what people decided"
    heads = ("  NO", "BEGAN (UTC)", "ENDED (UTC)", "HAS READ", "REQUESTS", "NAME")
    rows = [
        (
            f"  {one.number}", moment(one.started_at), moment(one.ended_at) if one.ended_at else "running or killed",
            _read(one), listed(one.requests, _OVER),
            one.name + (f", slice {one.slice_no}/{one.slice_count}" if one.slice_count > 1 else ""),
        )
        for one in found.attempts[-MOST_LINES:]
    ]  # fmt: skip
    if len(found.attempts) > MOST_LINES:
        yield f"  {len(found.attempts) - MOST_LINES:,} earlier ones are left out"
    yield from table(heads, rows)


def _read(attempt: AttemptLine) -> str:
    if attempt.read_whole:
        return "the whole table" if attempt.slice_count == 1 else "its whole slice"
    return counted(attempt.rows_read, "row") if attempt.rows_read else "-"


def _next(found: CampaignOverview, place: Place) -> Iterator[str]:
    """What may be typed next."""
    name = found.campaign_id
    if found.pruned_at:
        return
    if found.stopped_at:
        yield f"\nTo let it go on: {place.command('resume', name)}"
    if found.unknown.recipients > found.unknown.in_flight:
        yield "\nFind out at USpeedo what became of the unknown ones (docs/runbook.md#unknown), then say it, one of:"
        for said in ("--as=sent", "--as=not-sent", "--sent-file=FILE"):
            yield f"  {place.command('resolve', name, said)}"
