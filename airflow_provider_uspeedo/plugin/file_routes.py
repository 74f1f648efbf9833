# SPDX-License-Identifier: Apache-2.0
"""What is downloaded or copied: the results of a campaign, the query for them, and its own scripts and styles."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import FileResponse, Response

from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone
from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS
from airflow_provider_uspeedo.plugin.csv_response import CsvResponse
from airflow_provider_uspeedo.plugin.page_templates import PageRoute, masked_reason, masked_user_id
from airflow_provider_uspeedo.plugin.rights import NOT_FOUND, Looking
from airflow_provider_uspeedo.plugin.seen_campaign import Seeing, SeenCampaign, Unmasking

_STATIC = Path(__file__).parent / "static"
FILES = {path.name: path for path in sorted(_STATIC.iterdir()) if path.suffix in (".css", ".js", ".svg", ".txt")}
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With which a cell begins that a spreadsheet would calculate, also in their full width."""
_MASKS: dict[str, Callable[[str], str]] = {
    "phone": mask_phone, "reason": masked_reason, "receipt_result": mask_digits, "receipt_code": mask_digits,
    "receipt_desc": mask_digits, "recipient_key": lambda _: "",
}  # fmt: skip
"""Columns that identify a recipient, or may quote a phone. A key is a hash of a phone, which can be found by trying."""
router = APIRouter(route_class=PageRoute)


@router.get("/static/{name}")
async def static_file(name: str, _: Looking) -> Response:
    """A script, a style or a picture of the page."""
    if name not in FILES:
        raise HTTPException(NOT_FOUND)
    return FileResponse(FILES[name], headers={"cache-control": "private, max-age=300"})


@router.get("/campaigns/{campaign}/query")
async def query_page(request: Request, seen: Seeing) -> Response:
    """The query for the results, to be copied."""
    name = seen.id.replace("'", "''")
    if seen.ledger.admin.ledger.database.dialect.name == "mysql":
        name = name.replace("\\", "\\\\")
    query = f"SELECT * FROM {seen.ledger.results_table} WHERE campaign_id = '{name}';"  # noqa: S608 - shown, not run
    return seen.page(request, "query.html", query=query)


@router.get("/campaigns/{campaign}/export.csv")
async def export_masked(seen: Seeing) -> Response:
    """All rows as CSV, phones masked."""
    return await _export(seen, is_plain=False)


@router.get("/campaigns/{campaign}/export-with-phones.csv")
async def export_plain(seen: Unmasking) -> Response:
    """All rows as CSV, with phones."""
    return await _export(seen, is_plain=True)


async def _export(seen: SeenCampaign, *, is_plain: bool) -> Response:
    parts = csv_of(seen.ledger.admin.ledger.results(seen.id), is_plain=is_plain)
    name = f"sms-results-{seen.listed.name_hash.hex()[:8]}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return await CsvResponse.of(parts, headers)


def csv_of(portions: Iterator[list[tuple[Any, ...]]], *, is_plain: bool) -> Generator[str, None, None]:
    """Lines of CSV, some at a time, beginning with the names of the columns."""
    first = next(portions, [])
    yield _lines([COLUMNS, *(_cells(row, is_plain=is_plain) for row in first)])
    for portion in portions:
        yield _lines([_cells(row, is_plain=is_plain) for row in portion])


def _cells(row: tuple[Any, ...], *, is_plain: bool) -> list[str]:
    values = dict(zip(COLUMNS, row, strict=True))
    if values["user_id"] and not is_plain:
        values["user_id"] = masked_user_id(values["user_id"], values["phone"] or "")
    return [_cell(name, value, is_plain=is_plain) for name, value in values.items()]


def _cell(column: str, value: Any, *, is_plain: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.isoformat(sep=' ')}"
    text = str(value)
    if not is_plain and column in _MASKS:
        text = _MASKS[column](text)
    return (
        f"'{text}" if text.lstrip(" \u3000\xa0\ufeff").startswith(_BEGINS_FORMULA) and isinstance(value, str) else text
    )


def _lines(rows: list[Any]) -> str:
    made = io.StringIO()
    csv.writer(made).writerows(rows)
    return made.getvalue()
