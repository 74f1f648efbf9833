# SPDX-License-Identifier: Apache-2.0
"""Reads a call: its authentication (checked first), its action, and its parameters as parsed JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from . import refusals
from .call import ACTIONS, Action, Call
from .refusals import Refusal, wrong
from .state import State

Asked = dict[str, Any]
Reader = Callable[[State, Request, bytes, Call], tuple[Action, Asked]]
"""Checks the authentication and reads the action; raises :class:`.refusals.Refusal`."""


def read_action(state: State, request: Request, body: bytes, call: Call) -> tuple[Action, Asked]:
    """Read a call of generation A."""
    asked = _object(body)
    state.authenticator.check_signed(request.headers, asked, call.time)
    name, account = asked.get("Action"), asked.get("AccountId")
    if name is None:
        raise Refusal(refusals.MISSING_ACTION, "Params [Action] is missing")
    if not isinstance(name, str) or name not in ACTIONS:
        raise Refusal(refusals.UNKNOWN_ACTION, "Params [Action] is not an action of this API")
    if account is not None:
        _check_account(account, state.settings.account_id)
    return ACTIONS[name], asked


def _check_account(account: object, own: int | None) -> None:
    if not isinstance(account, int) or isinstance(account, bool):
        raise wrong("AccountId", "must be an integer")
    if own is not None and account != own:
        raise Refusal(refusals.WRONG_ACCOUNT, "Params [AccountId] is not an account of this key")


def read_rest_send(state: State, request: Request, body: bytes, _: Call) -> tuple[Action, Asked]:
    """Read a send request of generation B."""
    state.authenticator.check_basic(request.headers)
    return "send", _object(body)


def read_rest_receipts(state: State, request: Request, _: bytes, __: Call) -> tuple[Action, Asked]:
    """Read a receipt call of generation B."""
    state.authenticator.check_basic(request.headers)
    return "receipts", {"id": request.query_params.getlist("id")}


def read_rest_templates(state: State, request: Request, _: bytes, __: Call) -> tuple[Action, Asked]:
    """Read a template call of generation B."""
    state.authenticator.check_basic(request.headers)
    return "templates", {"id": request.query_params.getlist("id")}


def _object(body: bytes) -> Asked:
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal(refusals.WRONG_PARAMETER, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal(refusals.WRONG_PARAMETER, "the body is not a JSON object")
    return value


def _no_constant(name: str) -> float:
    raise ValueError(name)
