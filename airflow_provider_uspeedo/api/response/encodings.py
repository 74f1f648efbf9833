# SPDX-License-Identifier: Apache-2.0
"""The text of a response's body, in the encoding that its header declares; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress

from airflow_provider_uspeedo.api.http.messages import HttpResponse

_DECLARED = re.compile(r"""charset\s*=\s*["']?\s*([\w.:\-]+)""", re.ASCII | re.IGNORECASE)
_MULTIBYTE = {
    "gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "cp936": "gb18030", "x-gbk": "gb18030",
    "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "cp950": "big5hkscs",
    "shift_jis": "cp932", "shift-jis": "cp932", "euc-jp": "euc_jp", "euc-kr": "cp949",
}  # fmt: skip
"""Declared names, and the codec of the largest character set that goes by that name."""
_SINGLE_BYTE = re.compile(
    r"(iso[-_]?8859[-_]\d{1,2}|latin[-_]?1|us-ascii|ascii|windows-125\d|cp125\d|koi8-[ru]|tis-620)", re.ASCII
)
"""Any bytes are text in these, and servers declare one of them by default: UTF-8 is tried first."""


def texts_of(http: HttpResponse) -> Iterator[str]:
    """Give the readings of a body, the likeliest first; the caller takes the first that makes sense.

    :returns: none if the body is not text in any encoding that may be meant.
    """
    found = _DECLARED.search(http.headers.get("content-type", ""))
    declared = found[1].lower() if found else ""
    codecs = [_MULTIBYTE.get(declared), json.detect_encoding(http.body)]
    if _SINGLE_BYTE.fullmatch(declared):
        codecs.append(declared)
    for codec in filter(None, codecs):
        with suppress(UnicodeError, LookupError):
            yield http.body.decode(codec)


def is_text(http: HttpResponse) -> bool:
    """Return whether the body is text in an encoding that may be meant."""
    return next(texts_of(http), None) is not None


def ascii_part(http: HttpResponse) -> str:
    """Give the body with replacement characters for what is not text: codes, counts and sessions are ASCII."""
    return http.body.decode("utf-8", "replace")
