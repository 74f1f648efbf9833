# SPDX-License-Identifier: Apache-2.0
"""How a request is authenticated: a SHA-1 signature (``action``) or HTTP Basic (``rest``).

Time and nonce come in as arguments, so that the same request always gives the same headers.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal

from airflow_provider_uspeedo.api import field_names


def flat(value: object) -> str:
    """Write a JSON value as the text that is signed.

    >>> flat({"b": [1, True, None], "a": 42.0})
    'a42b1true'

    :param value: what :func:`json.loads` gives. Of an object: for its keys in byte order, key then value; of a list:
        its elements; of null: nothing; of a number: plain decimal, never scientific, ``42.0`` as ``42``.
    :raises TypeError: for anything else.
    """
    return "".join(_pieces(value))


def sign(text: str, secret: str) -> str:
    """Give the lower-case hexadecimal SHA-1 of the text followed by the secret.

    The API prescribes SHA-1.
    """
    return hashlib.sha1((text + secret).encode(), usedforsecurity=False).hexdigest()


def signed_headers(text: str, *, key_id: str, secret: str, timestamp: int, nonce: str) -> dict[str, str]:
    """Make the headers of the generation ``action``.

    :param text: the body's :func:`flat` text; nothing else is signed.
    :param timestamp: seconds since the epoch; the server accepts 5 minutes to either side.
    :param nonce: at most 32 characters, never used before.
    """
    return {
        field_names.KEY_ID_HEADER: key_id,
        field_names.SIGNATURE_HEADER: sign(text, secret),
        field_names.TIMESTAMP_HEADER: str(timestamp),
        field_names.NONCE_HEADER: nonce,
    }


def basic_headers(*, key_id: str, secret: str) -> dict[str, str]:
    """Make the header of the generation ``rest``."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode()}


def _pieces(value: object) -> Iterator[str]:
    match value:
        case None:
            return
        case str():
            yield value
        case bool():
            yield "true" if value else "false"
        case int():
            yield str(value)
        case float():
            yield _plain(value)
        case Mapping():
            for key in sorted(value, key=str.encode):
                yield key
                yield from _pieces(value[key])
        case list() | tuple():
            for element in value:
                yield from _pieces(element)
        case _:
            raise TypeError(f"JSON has no {type(value).__name__}, so it cannot be signed")


def _plain(number: float) -> str:
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
