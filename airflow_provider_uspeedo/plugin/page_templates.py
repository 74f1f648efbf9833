# SPDX-License-Identifier: Apache-2.0
"""Makes pages of templates, and pages of errors. A page holds no script or style, and nothing from elsewhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import HTMLResponse, Response

from airflow_provider_uspeedo.core.masking import mask_digits, mask_phone, mask_user_id
from airflow_provider_uspeedo.errors import USpeedoError
from airflow_provider_uspeedo.plugin.languages import COOKIE, Texts, language_of

log = logging.getLogger(__name__)
UNAVAILABLE, CONFLICT = 503, 409


def _clock(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.isoformat(timespec="seconds")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _percent(part: float) -> str:
    return f"{part:.1%}"


def masked_reason(reason: str | None) -> str:
    """A reason in which runs of digits are masked.

    >>> masked_reason("resolved by Ann at 2026-11-22 10:00:00 UTC"), masked_reason(None)
    ('resolved by Ann at 2026-11-22 10:00:00 UTC', '')
    """
    return mask_digits(reason or "")


def masked_user_id(user_id: str, phone: str) -> str:
    """A user id without runs of digits, and without the phone of its row, however that is written in it.

    >>> masked_user_id("C12", "(852)55311111"), masked_user_id("hk5531hk1111", "(852)55311111")
    ('C12', '****')
    """
    return mask_digits(mask_user_id(user_id, phone))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "html"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(
    clock=_clock,
    iso=_iso,
    number=_number,
    percent=_percent,
    masked=masked_reason,
    user_id=masked_user_id,
    phone=mask_phone,
    digits=mask_digits,
)


def texts_of(request: Request) -> Texts:
    """The texts of the language that this page is in."""
    return Texts(language_of(request.cookies.get(COOKIE), request.headers.get("accept-language")))


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; ``fragment=1`` in its address asks for the part alone that a script shows anew."""
    root = request.scope.get("root_path", "")
    known = {
        "t": texts_of(request),
        "root": root,
        "method": request.method,
        "fragment": request.query_params.get("fragment") == "1",
    }
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(**known, **values), status)


def render_error(request: Request, error: Exception) -> Response:
    """The page for an error. Of ours it shows the message, which holds no phone; of others where to look."""
    t = texts_of(request)
    if isinstance(error, USpeedoError):
        status = UNAVAILABLE if request.method == "GET" else CONFLICT
        return render(request, "error.html", status, message=str(error), sign_in="")
    if isinstance(error, RequestValidationError):
        error = HTTPException(400)
    if isinstance(error, AnyHTTPException):
        message = t(f"error_{error.status_code}") if error.status_code in (400, 401, 403, 404) else str(error.detail)
        if error.detail == "origin":
            message = t("error_403_origin")
        sign_in = _sign_in_url(request) if error.status_code == 401 else ""  # noqa: PLR2004
        return render(request, "error.html", error.status_code, message=message, sign_in=sign_in)
    log.error("Unexpected %s:\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return render(request, "error.html", 500, message=t("error_500"), sign_in="")


def _sign_in_url(request: Request) -> str:
    from airflow.api_fastapi.app import get_auth_manager

    back = str(request.url) if request.method == "GET" else ""
    return str(get_auth_manager().get_url_login(next_url=back))


class PageRoute(APIRoute):
    """An address whose errors become pages. Of an error that is not ours, no message is shown or logged."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler that FastAPI calls."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:  # noqa: BLE001 - the edge: texts of other errors may hold a phone
                return render_error(request, error)

        return guarded
