# SPDX-License-Identifier: Apache-2.0
"""The addresses of both generations: a call is read, handled, recorded, and answered as it or its fault demands."""

from __future__ import annotations

import time
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import answers
from .call import ACTIONS, Action, Call, Generation
from .fault_responses import FaultContext, fault_response
from .faults import Fault
from .handlers import Result, handle
from .inbox import RequestRecord
from .refusals import Refusal
from .request_fields import Reader, read_action, read_rest_receipts, read_rest_send, read_rest_templates
from .state import State

BODY_BYTES = 16 * 1024 * 1024
"""Bytes that a request body may have."""
_REST = "/api/v1/usms"


class _HandledCall(NamedTuple):
    """How a call was handled; ``result`` is ``None`` if nothing was done because of its fault."""

    action: Action | None
    result: Result | None
    fault: Fault | None


def routes(state: State) -> list[Route]:
    """Return the addresses of both generations."""

    def route(path: str, method: str, generation: Generation, reader: Reader, action: Action | None = None) -> Route:
        async def endpoint(request: Request) -> Response:
            return await _serve(state, request, generation, reader, action)

        return Route(path, endpoint, methods=[method])

    return [
        route("/api", "POST", "A", read_action),
        route("/api/", "POST", "A", read_action),
        route(f"{_REST}/SendBatchUSMSMessage", "POST", "B", read_rest_send, "send"),
        route(f"{_REST}/USMSSendReceipt", "GET", "B", read_rest_receipts, "receipts"),
        route(f"{_REST}/USMSTemplate", "GET", "B", read_rest_templates, "templates"),
    ]


async def _serve(
    state: State, request: Request, generation: Generation, read: Reader, action: Action | None
) -> Response:
    call = Call(generation, time.time())
    action = action or ACTIONS.get(request.query_params.get("Action", "SendBatchUSMSMessage"))
    fault = state.faults.take_refusal(action) if action else None
    if fault:
        return _finish(state, request, call, _HandledCall(action, None, fault))
    body = await _read_body(request)
    if body is None:
        return PlainTextResponse(f"the body has more than {BODY_BYTES} bytes", 413, _headers(call))
    try:
        action, asked = read(state, request, body, call)
    except Refusal as refused:
        return _finish(state, request, call, _HandledCall(None, Result(answers.refusal(call, None, refused)), None))
    fault = state.faults.take(action)
    result = handle(state, call, action, asked, fault) if fault is None or fault.accepts else None
    return _finish(state, request, call, _HandledCall(action, result, fault))


async def _read_body(request: Request) -> bytes | None:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _finish(state: State, request: Request, call: Call, handled: _HandledCall) -> Response:
    """Record a call and return what its client gets."""
    state.inbox.record(_record(call, handled))
    answer = handled.result.answer if handled.result else answers.head(call, handled.action)
    if handled.fault is None:
        return JSONResponse(answer, headers=_headers(call))
    return fault_response(handled.fault, FaultContext(answer, _headers(call), str(request.url), state.stopping))


def _record(call: Call, handled: _HandledCall) -> RequestRecord:
    answer = handled.result.answer if handled.result else {}
    code = answer.get("RetCode")
    return RequestRecord(
        time=call.time,
        seconds=time.time() - call.time,
        request_id=call.request_id,
        generation=call.generation,
        action=handled.action or "",
        ret_code=code if isinstance(code, int) else None,
        message=str(answer.get("Message", "")),
        fault=handled.fault.kind if handled.fault else "",
        accepted=handled.result.accepted if handled.result else 0,
        rejected=handled.result.rejected if handled.result else 0,
    )


def _headers(call: Call) -> dict[str, str]:
    return {"X-Speedo-Request-Uuid": call.request_id}
