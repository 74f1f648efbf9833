# SPDX-License-Identifier: Apache-2.0
"""Distinguishes rows that a template turned into text from paths: the rows hold phones, which no message may show."""

from __future__ import annotations

import re

MAX_PATH_CHARACTERS = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_LIST_OR_FRAME = re.compile(r"""\A\s*(\[\s*[{\['"]|\[.*,.*\]|\[[\d\s+().-]*\]|[{(<"'])""", re.DOTALL)
"""Matches the text of a list, a dict or a frame, but not the pattern ``[ab]*.parquet``."""
_PHONE_ALONE = re.compile(r"\A[\d\s+().,;-]+\Z")
_SCHEME_OF_PHONES = re.compile(r"\A\s*(tel|sms|smsto|whatsapp):", re.IGNORECASE)
_BETWEEN_VALUES = re.compile(r"[,;|\s]+")
_PHONE = re.compile(r"[+(]*\d[\d().-]{5,}\d")
_DATE = re.compile(r"(19|20)\d\d[-.]?[01]\d[-.]?[0-3]\d")
_FOLDERS_ONLY = re.compile(r"[./~\\]+")


def is_rows_as_text(text: str) -> bool:
    """Return whether a text is rows (a list, a frame, lines of CSV, JSON, phones) and not a path or a pattern.

    >>> is_rows_as_text("Ann,+85255311111"), is_rows_as_text("/lake/due 2026-11-22/*.parquet")
    (True, False)

    :param text: rendered; a template that was not rendered yet begins with what it is made of.
    """
    if len(text) > MAX_PATH_CHARACTERS or _CONTROL.search(text.strip()) or _LIST_OR_FRAME.match(text):
        return True
    if _SCHEME_OF_PHONES.match(text) or (_PHONE_ALONE.match(text) and not _FOLDERS_ONLY.fullmatch(text.strip())):
        return True
    values = [value.strip("'\"") for value in _BETWEEN_VALUES.split(text.strip())]
    return len(values) > 1 and any(_PHONE.fullmatch(value) and not _DATE.fullmatch(value) for value in values)
