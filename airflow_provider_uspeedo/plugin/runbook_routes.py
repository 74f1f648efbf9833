# SPDX-License-Identifier: Apache-2.0
"""The runbook on the page: the text that the command prints, in the page's language."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from airflow_provider_uspeedo.core.what_to_do import explain
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.plugin.page_ledger import in_thread, open_ledger
from airflow_provider_uspeedo.plugin.page_templates import PageRoute, render, texts_of
from airflow_provider_uspeedo.plugin.rights import NOT_FOUND, Looking
from airflow_provider_uspeedo.plugin.runbook_html import html_of
from airflow_provider_uspeedo.runbook import runbook, runbook_section

router = APIRouter(route_class=PageRoute)


@router.get("/runbook")
async def sections_page(request: Request, person: Looking) -> Response:
    """The sections, each with its first sentence."""
    sections = [one for one in runbook(texts_of(request).language).sections.values() if not one.parent]
    ledger = await in_thread(open_ledger)
    return render(request, "runbook.html", person=person, ledger=ledger, sections=sections, section=None)


@router.get("/runbook/{section}")
async def section_page(request: Request, section: str, person: Looking) -> Response:
    """One section."""
    language = texts_of(request).language
    try:
        found = runbook_section(section, language)
    except ConfigurationError:
        raise HTTPException(NOT_FOUND) from None
    ledger = await in_thread(open_ledger)
    return render(
        request,
        "runbook.html",
        person=person,
        ledger=ledger,
        section=found,
        text=html_of(found.markdown, runbook(language).anchors),
        command=explain(found.name),
    )
