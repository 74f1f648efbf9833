# SPDX-License-Identifier: Apache-2.0
"""The control interface, JSON and for this machine only: faults, templates, receipts, and what happened."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from .faults import KINDS, FaultQueue
from .local import local
from .state import State
from .template_store import APPROVED, NOTIFICATION, SandboxTemplate

Handler = Callable[[State, Request], Awaitable[Response]]


def routes(state: State) -> list[Route]:
    """Return the addresses of the control interface."""

    def route(path: str, method: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await handler(state, request)
            except ValueError as wrong:
                return JSONResponse({"error": str(wrong)}, 400)

        return Route(f"/sandbox/{path}", local(endpoint), methods=[method])

    return [
        route("faults", "GET", _list_faults),
        route("faults", "POST", _queue_faults),
        route("faults", "DELETE", _clear_faults),
        route("journal", "GET", _journal),
        route("requests", "GET", _requests),
        route("counters", "GET", _counters),
        route("templates", "GET", _list_templates),
        route("templates", "POST", _add_template),
        route("receipts/ripen", "POST", _ripen),
    ]


async def _list_faults(state: State, _: Request) -> Response:
    kinds = {name: {"says": kind.says, "params": dict(kind.params)} for name, kind in KINDS.items()}
    return JSONResponse({"queued": _queued(state.faults), "kinds": kinds})


async def _queue_faults(state: State, request: Request) -> Response:
    asked = await _json(request)
    for each in asked if isinstance(asked, list) else [asked]:
        state.faults.queue(_object(each))
    return JSONResponse({"queued": _queued(state.faults)}, 201)


async def _clear_faults(state: State, _: Request) -> Response:
    state.faults.clear()
    return JSONResponse({"queued": []})


async def _journal(state: State, request: Request) -> Response:
    since = request.query_params.get("since", "0")
    if not (since.isascii() and since.isdigit()):
        raise ValueError("since must be the number of entries to skip")

    async def blocks() -> AsyncIterator[bytes]:
        for block in state.journal.blocks(int(since)):  # in the event loop, which is the one that writes: no torn line
            yield block

    return StreamingResponse(blocks(), media_type="application/x-ndjson")


async def _requests(state: State, _: Request) -> Response:
    return JSONResponse({"requests": [dataclasses.asdict(each) for each in state.inbox.requests]})


async def _counters(state: State, _: Request) -> Response:
    return JSONResponse(dataclasses.asdict(state.inbox.counters))


async def _list_templates(state: State, _: Request) -> Response:
    return JSONResponse({"templates": [template.as_answer() for template in state.templates]})


async def _add_template(state: State, request: Request) -> Response:
    asked = _object(await _json(request))
    template = SandboxTemplate(
        _typed(asked, "id", str, None),
        _typed(asked, "text", str, None),
        _typed(asked, "purpose", int, NOTIFICATION),
        _typed(asked, "status", int, APPROVED),
    )
    state.templates.add(template)
    return JSONResponse(template.as_answer(), 201)


async def _ripen(state: State, _: Request) -> Response:
    state.receipts.ripen(time.time())
    return JSONResponse({})


def _queued(faults: FaultQueue) -> list[dict[str, object]]:
    return [each.as_answer() for each in faults.waiting()]


async def _json(request: Request) -> Any:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ValueError("send JSON with Content-Type: application/json")
    return json.loads(await request.body())


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("send a JSON object")  # noqa: TRY004 - a wrong request, not a wrong type in this program
    return value


def _typed(asked: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = asked.get(name, default)
    if type(value) is not kind:
        raise ValueError(f"{name} must be {'a string' if kind is str else 'a whole number'}")
    return value
