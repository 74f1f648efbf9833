# SPDX-License-Identifier: Apache-2.0
"""One campaign: what is known at once, and what was counted in the background."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from airflow_provider_uspeedo.errors import USpeedoError
from airflow_provider_uspeedo.ledger.admin.campaign_counts import CampaignCounts
from airflow_provider_uspeedo.ledger.store.states import RequestState
from airflow_provider_uspeedo.plugin.counting import BackgroundCounts, KeptCounts
from airflow_provider_uspeedo.plugin.page_ledger import in_thread
from airflow_provider_uspeedo.plugin.page_templates import PageRoute
from airflow_provider_uspeedo.plugin.seen_campaign import Seeing, SeenCampaign
from airflow_provider_uspeedo.plugin.throughput import throughput_of

MAX_ATTEMPTS = 50
NEWEST_REQUESTS = 10
PAGE_OF_REQUESTS = 50
router = APIRouter(route_class=PageRoute)
counts: BackgroundCounts[CampaignCounts] = BackgroundCounts()


def _is_live(seen: SeenCampaign, kept: KeptCounts[CampaignCounts]) -> bool:
    return bool(seen.listed.line.open_attempts) or kept.is_counting


async def kept_counts(seen: SeenCampaign) -> KeptCounts[CampaignCounts]:
    """What is known of the campaign's rows."""
    if seen.listed.line.pruned_at is not None:
        return KeptCounts()
    return await in_thread(counts.get, seen.key, partial(seen.ledger.pages.count, seen.listed.number))


def _said(error: Exception | None) -> str:
    """The message of an error of ours, which holds no phone; of another one its kind alone."""
    return str(error) if isinstance(error, USpeedoError) else type(error).__name__ if error else ""


@router.get("/campaigns/{campaign}")
async def campaign_page(request: Request, seen: Seeing) -> Response:
    """The page of one campaign."""
    number = seen.listed.number
    facts = await in_thread(seen.ledger.pages.facts, number)
    requests = await in_thread(seen.ledger.pages.requests, number, NEWEST_REQUESTS)
    kept = await kept_counts(seen)
    return seen.page(
        request,
        "campaign.html",
        facts=facts,
        attempts=facts.attempts[:MAX_ATTEMPTS],
        max_attempts=MAX_ATTEMPTS,
        requests=requests,
        progress=seen.listed.progress,
        kept=kept,
        count_error=_said(kept.error),
        counts=kept.counts,
        throughput=throughput_of(kept.counts.moments) if kept.counts and kept.counts.moments else None,
        is_live=_is_live(seen, kept),
        seconds=2 if kept.is_counting else 5,
    )


@router.get("/campaigns/{campaign}/requests")
async def requests_page(request: Request, seen: Seeing, state: str = "", before: str = "") -> Response:
    """The requests of one campaign, some at a time."""
    if state and state not in tuple(RequestState):
        raise HTTPException(400)
    found = await in_thread(
        seen.ledger.pages.requests,
        seen.listed.number,
        PAGE_OF_REQUESTS + 1,
        before=_place(before),
        state=state,
    )
    shown, more = found[:PAGE_OF_REQUESTS], len(found) > PAGE_OF_REQUESTS
    return seen.page(
        request,
        "requests.html",
        requests=shown,
        states=[state.value for state in RequestState],
        state=state,
        next_page=f"?state={state}&before={shown[-1].attempt_no}.{shown[-1].id}" if more else "",
    )


def _place(text: str) -> tuple[int, bytes] | None:
    """Attempt and id of a request, as the address of the next page has them."""
    if not text:
        return None
    number, _, request_id = text.partition(".")
    try:
        return max(0, min(int(number), 2**62)), bytes.fromhex(request_id)
    except ValueError:
        raise HTTPException(400) from None
