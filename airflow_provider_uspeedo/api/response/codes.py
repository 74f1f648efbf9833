# SPDX-License-Identifier: Apache-2.0
"""What each return code of the API means for the request that got it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CodeKind(Enum):
    """What may be concluded from a return code alone; what the response lists comes first."""

    SUCCESS = "success"
    REFUSED = "refused as a whole, for good: no message was sent"
    REFUSED_PHONES = "refused for good because of phones, parameters or content"
    RETRY_LATER = "refused before submission: the same request may be sent again later"
    SIGN_AGAIN = "the timestamp was too old: the same request may be sent once more, signed anew"
    PARTIAL = "some were accepted, some failed"
    UNKNOWN = "it may have been accepted"


@dataclass(frozen=True, slots=True)
class ReturnCode:
    """A return code.

    :param listed: whether a document of the vendor explains it.
    :param meaning: a few words for a message.
    :param advice: what the reader of the message should do.
    """

    kind: CodeKind
    meaning: str
    advice: str = ""
    listed: bool = True


_KEY = "Check login (AccessKeyId), password (AccessKeySecret) and the extra account_id of the connection."
_CALL = "Check template, sender and parameters."
_ASK = "Ask the vendor with the request id."
_ACCOUNT = ReturnCode(CodeKind.REFUSED, "account or key unknown or not permitted, or a wrong signature", _KEY)
_PHONES = ReturnCode(CodeKind.REFUSED_PHONES, "phones, parameters, template or content are wrong", _CALL)
_PERMISSION = ReturnCode(CodeKind.REFUSED, "not permitted to this key or account", _KEY)
_ACTION = ReturnCode(CodeKind.REFUSED, "the action is missing or not known", "Check the host.")
_SERVER_ERROR = ReturnCode(CodeKind.UNKNOWN, "server error", _ASK)
_GATEWAY = ReturnCode(CodeKind.UNKNOWN, "a gateway failed or timed out", _ASK)
_UNCLEAR = ReturnCode(CodeKind.UNKNOWN, "the vendor does not say what it means", _ASK)
_UNLISTED = ReturnCode(CodeKind.UNKNOWN, "a code that no document explains", _ASK, listed=False)

RETURN_CODES = {
    0: ReturnCode(CodeKind.SUCCESS, "success"),
    215392: ReturnCode(CodeKind.REFUSED, "a parameter is wrong", _CALL),
    215396: ReturnCode(CodeKind.REFUSED, "something named was not found, such as the template", _CALL),
    215397: ReturnCode(CodeKind.REFUSED, "a parameter is missing", _CALL),
    **dict.fromkeys((215393, 215394, 215398, 215399), _ACCOUNT),
    215395: ReturnCode(CodeKind.SIGN_AGAIN, "the timestamp is too old", "Set this machine's clock."),
    215400: _SERVER_ERROR,
    150: ReturnCode(CodeKind.RETRY_LATER, "the service is not available", "Try again later."),
    153: ReturnCode(CodeKind.RETRY_LATER, "too many requests", "Try again later, with fewer requests per second."),
    **dict.fromkeys((160, 161), _ACTION),
    **dict.fromkeys(range(170, 175), _ACCOUNT),
    **dict.fromkeys(range(290, 300), _PERMISSION),
    **dict.fromkeys((110, 130, 151, 200), _GATEWAY),
    18013: ReturnCode(CodeKind.REFUSED, "the balance is too low", "Top up the account."),
    **dict.fromkeys((18014, *range(18016, 18020), 18023, 18033), _PHONES),
    18046: ReturnCode(CodeKind.PARTIAL, "a part failed", _ASK),
    **dict.fromkeys((18004, 18007), _UNCLEAR),
}
"""Codes of the vendor's documents, and of the service it grew out of (3 and 5 digits beginning with 18)."""

NOT_FOUND = 215396
"""The code for a template that is not there."""


def explain(code: int | None) -> ReturnCode:
    """Look a code up; a missing or unlisted one is an unknown outcome."""
    return _UNLISTED if code is None else RETURN_CODES.get(code, _UNLISTED)


def refuses_every_call(code: int | None) -> bool:
    """Return whether the code means that this key may not call, or that this host is not the API."""
    return explain(code) in (_ACCOUNT, _PERMISSION, _ACTION)


def may_not_ask(code: int | None) -> bool:
    """Return whether the code refuses the action that was called, and says nothing about any other."""
    return explain(code) in (_PERMISSION, _ACTION)


def is_out_of_order(code: int | None) -> bool:
    """Return whether the code means that the API, or a gateway before it, failed."""
    return explain(code) in (_SERVER_ERROR, _GATEWAY)
