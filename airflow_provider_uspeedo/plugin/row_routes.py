# SPDX-License-Identifier: Apache-2.0
"""The rows of one campaign: a page at a time, by status, by request, and a search for one recipient."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from airflow_provider_uspeedo.core.keys import KeyMaker
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.row_records import RowFilter, RowPage, RowPlace
from airflow_provider_uspeedo.plugin.forms import read_form
from airflow_provider_uspeedo.plugin.page_ledger import in_thread
from airflow_provider_uspeedo.plugin.page_templates import PageRoute
from airflow_provider_uspeedo.plugin.rights import FORBIDDEN
from airflow_provider_uspeedo.plugin.same_origin import token_of
from airflow_provider_uspeedo.plugin.seen_campaign import Seeing, SeenCampaign

PAGE = 50
MAX_SEARCHED = 64
"""Characters of a phone or a user id."""
PLAIN = "plain"
router = APIRouter(route_class=PageRoute)


@router.get("/campaigns/{campaign}/rows")
async def rows_page(
    request: Request, seen: Seeing, status: str = "", at: str = "", of_request: str = "", phones: str = ""
) -> Response:
    """Some rows from a place on; ``phones=plain`` shows phones to those who may see them."""
    is_plain = await _is_plain(seen, phones)
    which = RowFilter(status=_status(status), request_id=_request_id(of_request))
    page = await in_thread(seen.ledger.pages.rows, seen.listed.number, _place(at), PAGE, which)
    kept = {"status": status, "of_request": of_request, "phones": phones}
    query = {name: value for name, value in kept.items() if value}
    more = "?" + urlencode({**query, "at": str(page.next_place)}) if page.next_place else ""
    return await _shown(request, seen, page, is_plain=is_plain, status=status, of_request=of_request, more=more)


@router.post("/campaigns/{campaign}/rows")
async def search_rows(request: Request, seen: Seeing) -> Response:
    """The rows of one recipient, by phone or user id: sent as a form, so that no address or log holds it."""
    form = await read_form(request, seen.person)
    is_plain = await _is_plain(seen, form.get("phones", ""))
    wanted = form.get("wanted", "").strip()
    if not wanted or len(wanted) > MAX_SEARCHED:
        raise HTTPException(400)
    at = _place(form["at"]) if form.get("at") else None
    page = await in_thread(_search, seen, wanted, at)
    return await _shown(request, seen, page, is_plain=is_plain, wanted=wanted)


def _search(seen: SeenCampaign, wanted: str, at: RowPlace | None) -> RowPage:
    """The rows of one recipient.

    :param at: ``None``: begin, with what its key finds at once where the phone makes the key.
    """
    pages, number = seen.ledger.pages, seen.listed.number
    spec = pages.facts(number).spec
    phones = _spellings(wanted, spec.default_region)
    if at is None and phones and spec.columns is None:
        found = pages.rows_of_keys(number, KeyMaker(spec).of_phones(phones), PAGE)
        if found.rows:
            return found
    return pages.rows(number, at or RowPlace(), PAGE, RowFilter(phones=(*phones, wanted), user_id=wanted))


def _spellings(wanted: str, default_region: str | None) -> tuple[str, ...]:
    """The phone that is meant, as the ledger may hold it; none, if the text is no phone."""
    from airflow_provider_uspeedo.core.phones import BadPhone, normalise, spellings_of  # heavy: all countries' numbers

    try:
        return tuple(spellings_of(normalise(wanted, default_region)))
    except BadPhone:
        return ()


async def _is_plain(seen: SeenCampaign, phones: str) -> bool:
    """:raises HTTPException: 403: phones are asked for by a user without the right to see them."""
    if phones != PLAIN:
        return False
    if not await seen.may_unmask():
        raise HTTPException(FORBIDDEN)
    return True


def _status(text: str) -> str:
    if text and text not in STATUSES:
        raise HTTPException(400)
    return text


def _request_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise HTTPException(400) from None


def _place(text: str) -> RowPlace:
    try:
        return RowPlace.of(text)
    except ConfigurationError:
        raise HTTPException(400) from None


async def _shown(
    request: Request,
    seen: SeenCampaign,
    page: RowPage,
    *,
    is_plain: bool,
    status: str = "",
    of_request: str = "",
    more: str = "",
    wanted: str = "",
) -> Response:
    values: dict[str, Any] = {"chosen": status, "of_request": of_request, "more": more, "wanted": wanted}
    return seen.page(
        request,
        "rows.html",
        token=token_of(seen.person.id),
        page=page,
        is_plain=is_plain,
        may_unmask=await seen.may_unmask(),
        statuses=STATUSES,
        **values,
    )
