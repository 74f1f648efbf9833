# SPDX-License-Identifier: Apache-2.0
"""The web pages: inbox, requests, faults. Rendered here, without scripts and without anything from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from .call import NAMES
from .faults import KINDS
from .inbox import PAGE, mask, newest
from .local import local
from .state import State

_HTML = Path(__file__).parent / "html"
Handler = Callable[[State, Request], Awaitable[Response]]


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters.update(clock=_clock, mask=mask)


def routes(state: State) -> list[Route]:
    """Return the addresses of the pages."""

    def route(path: str, method: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            return await handler(state, request)

        return Route(path, local(endpoint), methods=[method])

    return [
        route("/", "GET", _inbox),
        route("/requests", "GET", _requests),
        route("/faults", "GET", _faults),
        route("/faults", "POST", _queue_fault),
        route("/faults/clear", "POST", _clear_faults),
        route("/style.css", "GET", _style),
    ]


async def _inbox(state: State, request: Request) -> Response:
    now = time.time()
    page = _page(request)
    shown = [
        (message, state.receipts.state(message.session_no, message.receipt, now))
        for message in newest(state.inbox.messages, page)
    ]
    numbers = request.query_params.get("numbers") == "1"
    pages = _pages(len(state.inbox.messages))
    return _render("inbox.html", state, shown=shown, page=page, pages=pages, numbers=numbers)


async def _requests(state: State, request: Request) -> Response:
    page = _page(request)
    pages = _pages(len(state.inbox.requests))
    return _render("requests.html", state, shown=newest(state.inbox.requests, page), page=page, pages=pages)


async def _faults(state: State, _: Request) -> Response:
    return _show_faults(state, "")


async def _queue_fault(state: State, request: Request) -> Response:
    fields = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
    try:
        state.faults.queue(_read_form(fields))
    except ValueError as wrong:
        return _show_faults(state, str(wrong), 400)
    return RedirectResponse("/faults", 303)


async def _clear_faults(state: State, _: Request) -> Response:
    state.faults.clear()
    return RedirectResponse("/faults", 303)


async def _style(_: State, __: Request) -> Response:
    return FileResponse(_HTML / "style.css", media_type="text/css")


def _show_faults(state: State, problem: str, status: int = 200) -> Response:
    queued = [each.as_answer() for each in state.faults.waiting()]
    return _render("faults.html", state, status, queued=queued, kinds=KINDS, actions=list(NAMES), problem=problem)


def _read_form(fields: dict[str, str]) -> dict[str, Any]:
    """Return the fields of the form as the queue takes them; texts become what the kind's defaults are.

    :raises ValueError: when a number is not one, or the kind is unknown.
    """
    kind = KINDS.get(fields.get("kind", ""))
    if kind is None:
        raise ValueError("choose a kind")
    at = fields.get("at", "1")
    asked: dict[str, Any] = {"kind": fields["kind"], "on": fields.get("on", "send")}
    asked.update(at=at if at == "every" else int(at), times=int(fields.get("times", "1")))
    for pair in fields.get("params", "").split():
        name, _, text = pair.partition("=")
        asked[name] = _as_type(text, type(kind.params.get(name, "")))
    return asked


def _as_type(text: str, wanted: type) -> Any:
    return text.lower() == "true" if wanted is bool else wanted(text)


def _page(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(1, int(text[:9])) if text.isascii() and text.isdigit() else 1


def _pages(kept: int) -> int:
    return max(1, -(-kept // PAGE))


def _render(name: str, state: State, status: int = 200, **context: Any) -> Response:
    text = _ENVIRONMENT.get_template(name).render(counters=state.inbox.counters, **context)
    return Response(text.encode("utf-8", "replace"), status, media_type="text/html; charset=utf-8")
