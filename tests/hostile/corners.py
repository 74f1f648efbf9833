# SPDX-License-Identifier: Apache-2.0
"""Values at the corners of what Python can hold."""

from __future__ import annotations


def deep(levels: int) -> list[object]:
    """A list in a list in a list; its ``str`` is more than Python can write."""
    made: list[object] = []
    for _ in range(levels):
        made = [made]
    return made
