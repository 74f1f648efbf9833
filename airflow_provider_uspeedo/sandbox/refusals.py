# SPDX-License-Identifier: Apache-2.0
"""The codes with which a whole call is refused.

The vendor lists 215393, 215394, 215398 and 215399 together as "authentication, signature, token"; which of them
means what is not published, so the split below is the sandbox's own.
"""

from __future__ import annotations

WRONG_PARAMETER = 215392
WRONG_KEY = 215393
WRONG_SIGNATURE = 215394
EXPIRED_TIMESTAMP = 215395
NOT_FOUND = 215396
MISSING_PARAMETER = 215397
WRONG_NONCE = 215398
WRONG_ACCOUNT = 215399
MISSING_ACTION = 160
UNKNOWN_ACTION = 161
PARTIAL_FAILURE = 18046


class Refusal(Exception):
    """A call is refused as a whole; nothing of it was accepted."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def wrong(where: str, why: str) -> Refusal:
    """Return the refusal of a parameter; ``where`` is its path in the body, its value is never quoted."""
    return Refusal(WRONG_PARAMETER, f"Params [{where}] {why}")


def missing(where: str) -> Refusal:
    """Return the refusal of a call that lacks a parameter."""
    return Refusal(MISSING_PARAMETER, f"Params [{where}] is missing")
