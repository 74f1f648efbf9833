# SPDX-License-Identifier: Apache-2.0
"""Carrying out the faults: each turns an honest answer, or none, into what the client gets to see."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from .answers import Answer
from .faults import Fault
from .sockets import Cut, raw_answer

_PIECES = 20
_CHUNK = 65_536
_PAGE = "<html><body><h1>Something went wrong</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a fault strikes.

    :param answer: the honest answer; only ``RetCode``, ``Message`` and ``ReqUuid`` if nothing was accepted.
    :param url: the address that was called.
    """

    answer: Answer
    headers: dict[str, str]
    url: str
    stopping: asyncio.Event

    def json(self, answer: Answer, status: int = 200) -> Response:
        """Return an answer with the usual headers."""
        return JSONResponse(answer, status, self.headers)


def misbehave(fault: Fault, scene: Scene) -> Response:
    """Return what the client gets instead of the honest answer."""
    return _ACTS[fault.kind](scene, fault.params)


def _refuse(scene: Scene, _: Any) -> Response:
    return Cut(scene.stopping, reset=True)


def _stall(scene: Scene, params: Any) -> Response:
    return Cut(scene.stopping, after=params["seconds"])


def _drop(scene: Scene, params: Any) -> Response:
    return Cut(scene.stopping, reset=params["reset"])


def _truncated(scene: Scene, params: Any) -> Response:
    head, body = raw_answer(scene.json(scene.answer))
    return Cut(scene.stopping, raw=head + body[: min(int(len(body) * params["part"]), len(body) - 1)])


def _drip(scene: Scene, params: Any) -> Response:
    whole = scene.json(scene.answer)
    body = bytes(whole.body)

    async def pieces() -> AsyncIterator[bytes]:
        step = max(1, -(-len(body) // _PIECES))
        for start in range(0, len(body), step):
            await _pause(params["seconds"] / _PIECES, scene.stopping)
            yield body[start : start + step]

    return StreamingResponse(pieces(), headers=dict(whole.headers))


def _oversized(scene: Scene, params: Any) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(scene.json(scene.answer).body)[:-1] + b',"Padding":"'
        for _ in range(max(1, params["bytes"] // _CHUNK)):
            yield b"x" * _CHUNK
        yield b'"}'

    return StreamingResponse(pieces(), headers=scene.headers, media_type="application/json")


def _too_many(scene: Scene, params: Any) -> Response:
    return PlainTextResponse("too many requests", 429, {**scene.headers, "Retry-After": params["retry_after"]})


def _server_error(scene: Scene, params: Any) -> Response:
    return Response(_PAGE, params["status"], scene.headers, "text/html")


def _redirect(scene: Scene, params: Any) -> Response:
    return RedirectResponse(params["location"] or scene.url, params["status"], scene.headers)


def _empty(scene: Scene, _: Any) -> Response:
    return Response(b"", 200, scene.headers)


def _not_json(scene: Scene, _: Any) -> Response:
    return Response(_PAGE, 200, scene.headers, "text/html")


def _ret_code(scene: Scene, params: Any) -> Response:
    kept = {name: value for name, value in scene.answer.items() if name in {"Action", "ReqUuid"}}
    return scene.json({"RetCode": params["code"], "Message": params["message"], **kept}, params["status"])


def _string_code(scene: Scene, _: Any) -> Response:
    as_text: Answer = {name: str(scene.answer[name]) for name in ("RetCode", "SuccessCount") if name in scene.answer}
    return scene.json({**scene.answer, **as_text})


def _extra_fields(scene: Scene, _: Any) -> Response:
    rest = {name: value for name, value in scene.answer.items() if name != "ReqUuid"}
    return scene.json({**rest, "RequestUuid": scene.answer["ReqUuid"], "Extra": {"Nested": [1, None]}, "Version": 7})


def _wrong_case(scene: Scene, _: Any) -> Response:
    return scene.json({name[0].lower() + name[1:]: value for name, value in scene.answer.items()})


def _other_session(scene: Scene, _: Any) -> Response:
    session = scene.answer.get("SessionNo")
    if isinstance(session, list):
        return scene.json({**scene.answer, "SessionNo": ",".join(session)})
    return scene.json({**scene.answer, "SessionNo": [session] if session else []})


def _short_count(scene: Scene, params: Any) -> Response:
    count = scene.answer.get("SuccessCount")
    shorter = {"SuccessCount": max(0, count - params["missing"])} if isinstance(count, int) else {}
    return scene.json({**scene.answer, **shorter})


def _as_it_is(scene: Scene, _: Any) -> Response:
    return scene.json(scene.answer)  # this fault was in the accepting


_ACTS: dict[str, Callable[[Scene, Any], Response]] = {
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
