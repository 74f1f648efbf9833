# SPDX-License-Identifier: Apache-2.0
"""The list of campaigns: all of them, or those of a DAG, a run, a task; and a search by name."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from airflow_provider_uspeedo.ledger.admin.campaign_list import ListedCampaign, TaskFilter
from airflow_provider_uspeedo.plugin.forms import read_form
from airflow_provider_uspeedo.plugin.page_ledger import OpenPageLedger, in_thread, open_ledger
from airflow_provider_uspeedo.plugin.page_templates import PageRoute, render
from airflow_provider_uspeedo.plugin.rights import Looking, Person
from airflow_provider_uspeedo.plugin.same_origin import token_of

PAGE = 25
MAX_FOUND = 100
MAX_WORD = 200
Before = Annotated[int | None, Query(ge=0, lt=2**63)]
"""A campaign's number, as every database holds it."""
router = APIRouter(route_class=PageRoute)


def _campaigns(
    limit: int, before: int | None, task: TaskFilter | None, word: str = ""
) -> tuple[OpenPageLedger, list[ListedCampaign] | None]:
    """The ledger and some campaigns; ``None``: there is no ledger."""
    ledger = open_ledger()
    if not ledger.pages.exists():
        return ledger, None
    return ledger, ledger.pages.campaigns(limit, before=before, task=task, word=word)


async def _visible(person: Person, found: list[ListedCampaign]) -> list[ListedCampaign]:
    """Those whose DAGs the person may read."""
    return [one for one in found if await person.may_look(one.dag_ids)]


@router.get("/")
async def campaigns(
    request: Request, person: Looking, before: Before = None, dag: str = "", task: str = "", run: str = ""
) -> Response:
    """The newest campaigns, or those before one."""
    only = TaskFilter(dag, task, run) if dag else None
    ledger, found = await in_thread(_campaigns, PAGE + 1, before, only)
    more = found is not None and len(found) > PAGE
    shown = (found or [])[:PAGE]
    named = {"dag": dag, "task": task, "run": run} if dag else {}
    named = {name: value for name, value in named.items() if value}
    here = f"?{urlencode(named)}" if named else ""
    visible = await _visible(person, shown)
    return render(
        request,
        "list.html",
        person=person,
        ledger=ledger,
        token=token_of(person.id),
        exists=found is not None,
        campaigns=visible,
        here=here,
        filtered=" / ".join(named.values()),
        word="",
        poll="?" + urlencode({**named, "fragment": 1}),
        is_live=before is None and any(one.line.open_attempts for one in visible),
        next_page="?" + urlencode({**named, "before": shown[-1].number}) if more else "",
        is_first=before is None,
    )


@router.post("/search")
async def search(request: Request, person: Looking) -> Response:
    """The campaigns whose names contain a word. Sent as a form: what people search for stays out of addresses."""
    form = await read_form(request, person)
    word = form.get("word", "").strip()[:MAX_WORD]
    ledger, found = await in_thread(_campaigns, MAX_FOUND, None, None, word)
    return render(
        request,
        "list.html",
        person=person,
        ledger=ledger,
        token=token_of(person.id),
        exists=found is not None,
        campaigns=await _visible(person, found or []),
        here="",
        filtered="",
        word=word,
        poll="",
        is_live=False,
        next_page="",
        is_first=True,
    )
