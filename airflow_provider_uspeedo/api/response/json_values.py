# SPDX-License-Identifier: Apache-2.0
"""Lenient reading of JSON that another party wrote: any type anywhere, never an error."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.http.messages import HttpResponse
from airflow_provider_uspeedo.api.response.encodings import ascii_part, texts_of

_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,32}\s*", re.ASCII)
_BLANK = b"\x00\t\n\r \xef\xbb\xbf\xfe\xff"
"""What may stand before JSON: white space, byte order marks, and the zeros of UTF-16 and UTF-32."""
_VENDOR_REQUEST_ID = re.compile(r"[\w.:\-]{1,128}", re.ASCII)
_SECONDS = re.compile(r"\d{1,16}(\.\d{1,16})?", re.ASCII)
_MILLISECONDS_FROM = 100_000_000_000


def json_object(http: HttpResponse) -> Mapping[str, object] | None:
    """Read a JSON object; ``None`` if the body is anything else, or an object in it has a name twice.

    Of two values with one name, one would be ignored. A body that is not text in the declared encoding is read as UTF-8
    with replacement characters: codes, counts and sessions are ASCII.
    """
    readings = chain(texts_of(http), [ascii_part(http)])
    return next((found for reading in readings if (found := _object(reading)) is not None), None)


def _object(body: str) -> Mapping[str, object] | None:
    try:
        found = json.loads(body, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def begins_as_json(body: bytes) -> bool:
    """Return whether the body is, or was to be, a JSON object or array."""
    return body.lstrip(_BLANK)[:1] in (b"{", b"[")


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has a name twice")
    return found


def text(value: object) -> str:
    """Read a scalar as text that any database takes: no NUL, no lone surrogate; ``""`` for null, objects and lists."""
    if isinstance(value, str) and value.isascii():  # nearly all: as they are, but for white space and NUL
        return value.replace("\x00", "").strip()
    if value is None or isinstance(value, Mapping | list):
        return ""
    return str(value).encode("utf-8", "replace").decode().replace("\x00", "").strip()


def whole_number(value: object) -> int | None:
    """Read a whole number that may come as text or as ``2.0``; ``None`` if it is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    # Python's own int() takes digits of every script, and underscores: the vendor writes neither.
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def leaves(value: object) -> Iterator[object]:
    """Walk over the scalars of a value, however they are nested, in order."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Mapping):
            waiting.extend(reversed(list(found.values())))
        elif isinstance(found, list):
            waiting.extend(reversed(found))
        else:
            yield found


def listed(value: object) -> list[object]:
    """Read a list; an object stands for a list of one, null for an empty one."""
    if isinstance(value, list):
        return value
    return [] if value is None or value in ("", {}) else [value]


def moment(value: object) -> datetime | None:
    """Read seconds (or milliseconds) since the epoch as an aware UTC time; ``None`` if there is none."""
    seconds: float | None
    try:
        seconds = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        if seconds is None or not math.isfinite(seconds) or seconds <= 0:
            return None
        return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def vendor_request_id(response: HttpResponse, body: Mapping[str, object]) -> str:
    """Find the vendor's id of the request: header first, then the body's two spellings; ``""`` if there is none."""
    for found in (
        response.headers.get(field_names.VENDOR_REQUEST_ID_HEADER.lower()),
        *(body.get(name) for name in field_names.VENDOR_REQUEST_IDS),
    ):
        if _VENDOR_REQUEST_ID.fullmatch(text(found)):
            return text(found)
    return ""


def retry_after(response: HttpResponse, now: datetime) -> float | None:
    """Read how many seconds the server asks to wait, from a number or an HTTP date; ``None`` if it does not ask."""
    asked = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(asked):
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
