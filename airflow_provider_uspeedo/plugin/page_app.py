# SPDX-License-Identifier: Apache-2.0
"""The page's application: its addresses, what it says when something fails, and the headers of every answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import Response

from airflow_provider_uspeedo.plugin import (
    campaign_routes,
    decision_routes,
    file_routes,
    list_routes,
    row_routes,
    runbook_routes,
)
from airflow_provider_uspeedo.plugin.page_templates import render_error

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "x-frame-options": "SAMEORIGIN",  # shown in a frame by Airflow, of the same origin
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def make_app() -> FastAPI:
    """The application. It has no pages about its own interface: those would be open to everybody."""
    app = FastAPI(title="SMS campaigns", docs_url=None, redoc_url=None, openapi_url=None)
    for part in (list_routes, campaign_routes, row_routes, decision_routes, file_routes, runbook_routes):
        app.include_router(part.router)
    app.add_exception_handler(AnyHTTPException, _http_error)
    app.add_middleware(_Headers)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    """Of an address that is not there; those that are there answer for themselves."""
    return render_error(request, error if isinstance(error, HTTPException | AnyHTTPException) else HTTPException(500))


class _Headers:
    """Adds the headers to every answer."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in more if pair[0] not in given)]
            await send(message)

        await self._app(scope, receive, send_with_headers)
