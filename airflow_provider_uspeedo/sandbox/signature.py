# SPDX-License-Identifier: Apache-2.0
"""The signature of generation A: SHA-1 over the flattened body and the secret."""

from __future__ import annotations

import hashlib
from decimal import Decimal


def flatten(value: object) -> str:
    """Return a JSON value as the text that is signed.

    >>> flatten({"b": [1, True, None], "a": 42.0})
    'a42b1true'
    """
    parts: list[str] = []
    _collect(value, parts)
    return "".join(parts)


def sign(body: object, secret: str) -> str:
    """Return the signature of a body: 40 lower-case hexadecimal digits."""
    return hashlib.sha1((flatten(body) + secret).encode()).hexdigest()  # noqa: S324 - the API prescribes SHA-1


def _collect(value: object, parts: list[str]) -> None:
    if isinstance(value, str):  # first, since nearly everything is
        parts.append(value)
    elif isinstance(value, dict):
        for key in sorted(value):  # code point order is the byte order of UTF-8
            parts.append(key)
            _collect(value[key], parts)
    elif isinstance(value, list):
        for each in value:
            _collect(each, parts)
    elif value is not None:
        parts.append(_scalar(value))


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _plain_decimal(value)
    return str(value)


def _plain_decimal(value: float) -> str:
    if value.is_integer():
        return str(Decimal(value).to_integral_value())
    return format(Decimal(repr(value)), "f")
