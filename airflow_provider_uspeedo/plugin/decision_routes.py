# SPDX-License-Identifier: Apache-2.0
"""Decisions: resolve, reopen, stop, resume. Each is shown first, asked for by a form, and kept with who made it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from airflow_provider_uspeedo.ledger.admin.reports import RejectedCount
from airflow_provider_uspeedo.plugin.campaign_routes import counts
from airflow_provider_uspeedo.plugin.counting import BackgroundCounts
from airflow_provider_uspeedo.plugin.forms import read_form
from airflow_provider_uspeedo.plugin.page_ledger import DECISION_SECONDS, in_thread
from airflow_provider_uspeedo.plugin.page_templates import PageRoute
from airflow_provider_uspeedo.plugin.same_origin import token_of
from airflow_provider_uspeedo.plugin.seen_campaign import Deciding, SeenCampaign

MAX_DIGITS = 18
"""Of a number of recipients."""
FRESH_SECONDS = 5.0
"""For so long the page shows what was counted; longer than it waits before it asks again."""
router = APIRouter(route_class=PageRoute)
rejected_counts: BackgroundCounts[RejectedCount] = BackgroundCounts(fresh_seconds=FRESH_SECONDS)


@router.get("/campaigns/{campaign}/resolve")
async def ask_to_resolve(request: Request, seen: Deciding, of_request: str = "") -> Response:
    """What would be decided, of one request or of all, and the two ways to decide it."""
    admin, chosen = seen.ledger.admin, of_request or None
    unknown = await in_thread(admin.count_unknown, seen.id, request=chosen, seconds=DECISION_SECONDS)
    return _ask(request, seen, "resolve", unknown=unknown, of_request=of_request)


@router.post("/campaigns/{campaign}/resolve")
async def resolve(request: Request, seen: Deciding) -> Response:
    """Records the decision, if it is about as many recipients as the page said."""
    form = await read_form(request, seen.person)
    outcome, expected = form.get("outcome", ""), _number(form.get("expected", ""))
    if outcome not in ("sent", "not-sent"):
        raise HTTPException(400)
    number = await _decide(
        seen,
        seen.ledger.admin.resolve,
        as_sent=outcome == "sent",
        by=seen.person.name,
        request=form.get("of_request") or None,
        in_flight=form.get("in_flight") == "1",
        expected=expected,
        shown=form.get("shown"),
    )
    return _done(request, seen, "resolved_sent" if outcome == "sent" else "resolved_not_sent", number, seen.person.name)


@router.get("/campaigns/{campaign}/reopen")
async def ask_to_reopen(request: Request, seen: Deciding) -> Response:
    """How many rejected recipients would be sent to again; of 100,000 that takes a second, which nobody waits for."""
    kept = await in_thread(rejected_counts.get, seen.key, lambda _: seen.ledger.admin.count_rejected(seen.id))
    if kept.error is not None and not kept.is_counting:  # else it is that of the count before
        raise kept.error
    return _ask(request, seen, "reopen", rejected=None if kept.is_counting else kept.counts)


@router.post("/campaigns/{campaign}/reopen")
async def reopen(request: Request, seen: Deciding) -> Response:
    """Opens them, if they are those that the page counted."""
    form = await read_form(request, seen.person)
    number = await _decide(
        seen,
        seen.ledger.admin.reopen_rejected,
        reason=form.get("reason", ""),
        by=seen.person.name,
        expected=_number(form.get("expected", "")),
        shown=form.get("shown"),
    )
    return _done(request, seen, "reopen_done", number)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise HTTPException(400)
    return int(text)


@router.get("/campaigns/{campaign}/stop")
async def ask_to_stop(request: Request, seen: Deciding) -> Response:
    """What stopping means."""
    return _ask(request, seen, "stop")


@router.post("/campaigns/{campaign}/stop")
async def stop(request: Request, seen: Deciding) -> Response:
    """Lets no further request begin."""
    await read_form(request, seen.person)
    stopping = await _decide(seen, seen.ledger.admin.stop, by=seen.person.name)
    return _done(request, seen, "stop_done", stopping.requests_in_flight, stopping.recipients_in_flight)


@router.get("/campaigns/{campaign}/resume")
async def ask_to_resume(request: Request, seen: Deciding) -> Response:
    """What resuming means."""
    return _ask(request, seen, "resume")


@router.post("/campaigns/{campaign}/resume")
async def resume(request: Request, seen: Deciding) -> Response:
    """Lets a stopped campaign go on."""
    await read_form(request, seen.person)
    await _decide(seen, seen.ledger.admin.resume)
    return _done(request, seen, "resume_done")


async def _decide(seen: SeenCampaign, decision: Any, **how: Any) -> Any:
    try:
        return await in_thread(decision, seen.id, seconds=DECISION_SECONDS, decides=True, **how)
    finally:
        counts.is_changed(seen.key)
        rejected_counts.is_changed(seen.key)


def _ask(request: Request, seen: SeenCampaign, what: str, **values: Any) -> Response:
    known = {"unknown": None, "rejected": None, "of_request": "", **values}
    return seen.page(request, "decision.html", token=token_of(seen.person.id), what=what, **known)


def _done(request: Request, seen: SeenCampaign, text: str, *values: object) -> Response:
    return seen.page(request, "done.html", text=text, values=values)
