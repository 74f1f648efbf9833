# SPDX-License-Identifier: Apache-2.0
"""A number with its noun, for messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """The number with its noun, in the plural unless it is one.

    >>> counted(1, "row"), counted(5000, "row")
    ('1 row', '5,000 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
