# SPDX-License-Identifier: Apache-2.0
"""Authentication: the signed headers of generation A and the Basic credentials of generation B."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import OrderedDict
from collections.abc import Mapping

from .refusals import EXPIRED_TIMESTAMP, WRONG_KEY, WRONG_NONCE, WRONG_SIGNATURE, Refusal
from .signature import sign

CLOCK_SKEW = 300
"""Seconds that a timestamp may be away from the server's clock."""
NONCE_LENGTH = 32
"""Characters that a nonce may have at most."""


class Authenticator:
    """Accepts the calls of one key; remembers nonces for as long as their timestamp would be accepted."""

    def __init__(self, access_key_id: str, access_key_secret: str) -> None:
        self._id = access_key_id
        self._secret = access_key_secret
        self._nonces: OrderedDict[str, float] = OrderedDict()

    def check_signed(self, headers: Mapping[str, str], body: object, now: float) -> None:
        """Check the headers of generation A against the parsed JSON body.

        :param now: seconds since the epoch.
        :raises Refusal: naming the first thing that is wrong: key, timestamp, nonce, signature.
        """
        if not _same(headers.get("x-access-key-id", ""), self._id):
            raise Refusal(WRONG_KEY, "X-Access-Key-Id is missing or unknown")
        _check_timestamp(headers.get("x-timestamp", ""), now)
        nonce = headers.get("x-nonce", "")
        self._check_nonce(nonce, now)
        if not _same(headers.get("x-signature", ""), _sign(body, self._secret)):
            raise Refusal(WRONG_SIGNATURE, "X-Signature does not fit the body")
        self._nonces[nonce] = now

    def check_basic(self, headers: Mapping[str, str]) -> None:
        """Check the ``Authorization`` header of generation B.

        :raises Refusal: when it is missing, malformed or not the key's.
        """
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        try:
            decoded = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            decoded = b""
        expected = f"{self._id}:{self._secret}".encode()
        if scheme.lower() != "basic" or not hmac.compare_digest(decoded, expected):
            raise Refusal(WRONG_KEY, "Authorization is missing or wrong")

    def _check_nonce(self, nonce: str, now: float) -> None:
        while self._nonces and next(iter(self._nonces.values())) < now - 2 * CLOCK_SKEW:
            self._nonces.popitem(last=False)
        if not nonce or len(nonce) > NONCE_LENGTH:
            raise Refusal(WRONG_NONCE, f"X-Nonce must have 1 to {NONCE_LENGTH} characters")
        if nonce in self._nonces:
            raise Refusal(WRONG_NONCE, "X-Nonce was used before")


def _check_timestamp(text: str, now: float) -> None:
    if not (text.isascii() and text.isdigit()):
        raise Refusal(EXPIRED_TIMESTAMP, "X-Timestamp must be seconds since the epoch")
    if abs(int(text[:18]) - now) > CLOCK_SKEW:
        raise Refusal(EXPIRED_TIMESTAMP, "X-Timestamp is more than 5 minutes away from the server's clock")


def _sign(body: object, secret: str) -> str:
    try:
        return sign(body, secret)
    except UnicodeEncodeError:
        raise Refusal(WRONG_SIGNATURE, "the body holds text that is not valid Unicode") from None


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
