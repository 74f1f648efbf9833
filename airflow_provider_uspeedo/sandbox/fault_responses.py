# SPDX-License-Identifier: Apache-2.0
"""The response of each fault: made from the regular answer, or from none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from .answers import AnswerBody
from .faults import Fault
from .sockets import Cut, raw_answer

_PIECES = 20
_CHUNK = 65_536
_PAGE = "<html><body><h1>Something went wrong</h1></body></html>"


@dataclass(frozen=True, slots=True)
class FaultContext:
    """What a fault response is made from.

    :param answer: the regular answer; only ``RetCode``, ``Message`` and ``ReqUuid`` if nothing was accepted.
    :param url: the address that was called.
    """

    answer: AnswerBody
    headers: dict[str, str]
    url: str
    stopping: asyncio.Event

    def json(self, answer: AnswerBody, status: int = 200) -> Response:
        """Return an answer with the usual headers."""
        return JSONResponse(answer, status, self.headers)


def fault_response(fault: Fault, context: FaultContext) -> Response:
    """Return the response that the client gets instead of the regular one."""
    return _RESPONSES[fault.kind](context, fault.params)


def _refuse(context: FaultContext, _: Any) -> Response:
    return Cut(context.stopping, reset=True)


def _stall(context: FaultContext, params: Any) -> Response:
    return Cut(context.stopping, after=params["seconds"])


def _drop(context: FaultContext, params: Any) -> Response:
    return Cut(context.stopping, reset=params["reset"])


def _truncated(context: FaultContext, params: Any) -> Response:
    head, body = raw_answer(context.json(context.answer))
    return Cut(context.stopping, raw=head + body[: min(int(len(body) * params["part"]), len(body) - 1)])


def _drip(context: FaultContext, params: Any) -> Response:
    whole = context.json(context.answer)
    body = bytes(whole.body)

    async def pieces() -> AsyncIterator[bytes]:
        step = max(1, -(-len(body) // _PIECES))
        for start in range(0, len(body), step):
            await _pause(params["seconds"] / _PIECES, context.stopping)
            yield body[start : start + step]

    return StreamingResponse(pieces(), headers=dict(whole.headers))


def _oversized(context: FaultContext, params: Any) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(context.json(context.answer).body)[:-1] + b',"Padding":"'
        for _ in range(max(1, params["bytes"] // _CHUNK)):
            yield b"x" * _CHUNK
        yield b'"}'

    return StreamingResponse(pieces(), headers=context.headers, media_type="application/json")


def _too_many(context: FaultContext, params: Any) -> Response:
    return PlainTextResponse("too many requests", 429, {**context.headers, "Retry-After": params["retry_after"]})


def _server_error(context: FaultContext, params: Any) -> Response:
    return Response(_PAGE, params["status"], context.headers, "text/html")


def _redirect(context: FaultContext, params: Any) -> Response:
    return RedirectResponse(params["location"] or context.url, params["status"], context.headers)


def _empty(context: FaultContext, _: Any) -> Response:
    return Response(b"", 200, context.headers)


def _not_json(context: FaultContext, _: Any) -> Response:
    return Response(_PAGE, 200, context.headers, "text/html")


def _ret_code(context: FaultContext, params: Any) -> Response:
    kept = {name: value for name, value in context.answer.items() if name in {"Action", "ReqUuid"}}
    return context.json({"RetCode": params["code"], "Message": params["message"], **kept}, params["status"])


def _string_code(context: FaultContext, _: Any) -> Response:
    as_text: AnswerBody = {
        name: str(context.answer[name]) for name in ("RetCode", "SuccessCount") if name in context.answer
    }
    return context.json({**context.answer, **as_text})


def _extra_fields(context: FaultContext, _: Any) -> Response:
    rest = {name: value for name, value in context.answer.items() if name != "ReqUuid"}
    return context.json(
        {**rest, "RequestUuid": context.answer["ReqUuid"], "Extra": {"Nested": [1, None]}, "Version": 7}
    )


def _wrong_case(context: FaultContext, _: Any) -> Response:
    return context.json({name[0].lower() + name[1:]: value for name, value in context.answer.items()})


def _other_session(context: FaultContext, _: Any) -> Response:
    session = context.answer.get("SessionNo")
    if isinstance(session, list):
        return context.json({**context.answer, "SessionNo": ",".join(session)})
    return context.json({**context.answer, "SessionNo": [session] if session else []})


def _short_count(context: FaultContext, params: Any) -> Response:
    count = context.answer.get("SuccessCount")
    shorter = {"SuccessCount": max(0, count - params["missing"])} if isinstance(count, int) else {}
    return context.json({**context.answer, **shorter})


def _as_it_is(context: FaultContext, _: Any) -> Response:
    return context.json(context.answer)  # this fault changed what was accepted


_RESPONSES: dict[str, Callable[[FaultContext, Any], Response]] = {
    "refuse": _refuse,
    "stall": _stall,
    "drop": _drop,
    "truncated": _truncated,
    "drip": _drip,
    "oversized": _oversized,
    "too_many": _too_many,
    "server_error": _server_error,
    "redirect": _redirect,
    "empty": _empty,
    "not_json": _not_json,
    "ret_code": _ret_code,
    "string_code": _string_code,
    "extra_fields": _extra_fields,
    "wrong_case": _wrong_case,
    "other_session": _other_session,
    "short_count": _short_count,
    "partial": _as_it_is,
    "unlisted": _as_it_is,
}


async def _pause(seconds: float, stopping: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
