# SPDX-License-Identifier: Apache-2.0
"""The runbook on the page: the same text that the command prints."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from airflow_provider_uspeedo.cli.plain_text import plain_text
from airflow_provider_uspeedo.core.what_to_do import explain
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.plugin.page_ledger import in_thread, open_ledger
from airflow_provider_uspeedo.plugin.page_templates import PageRoute, render
from airflow_provider_uspeedo.plugin.rights import NOT_FOUND, Looking
from airflow_provider_uspeedo.runbook import runbook, runbook_section

WIDTH = 100
"""Characters in a line."""
router = APIRouter(route_class=PageRoute)


@router.get("/runbook")
async def sections_page(request: Request, person: Looking) -> Response:
    """The sections, each with its first sentence."""
    sections = [one for one in runbook().sections.values() if not one.parent]
    ledger = await in_thread(open_ledger)
    return render(request, "runbook.html", person=person, ledger=ledger, sections=sections, section=None)


@router.get("/runbook/{section}")
async def section_page(request: Request, section: str, person: Looking) -> Response:
    """One section."""
    try:
        found = runbook_section(section)
    except ConfigurationError:
        raise HTTPException(NOT_FOUND) from None
    text = plain_text(found.markdown, WIDTH)
    ledger = await in_thread(open_ledger)
    return render(
        request,
        "runbook.html",
        person=person,
        ledger=ledger,
        section=found,
        text=text,
        command=explain(found.name),
    )
