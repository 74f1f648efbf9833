# SPDX-License-Identifier: Apache-2.0
"""Checks a part of a table before any row is used: each column exists once and is of a type that can be read."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from unicodedata import normalize

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.arrow_types import can_be_list, kind_of
from airflow_provider_uspeedo.tables.source import Part

MAX_NAMES_SHOWN = 30
"""Columns listed in an error; a wide table has thousands."""
_UNSEEN = " \t\r\n\ufeff\u200b\u00a0'\"`"


def check_columns(part: Part, needed: Sequence[str]) -> None:
    """Refuse a part that lacks a column, or has it twice.

    :raises TableError: naming the missing columns, similar names, and the existing columns.
    """
    missing = [name for name in dict.fromkeys(needed) if name not in part.types]
    if missing:
        raise TableError(
            f"{part.place} has no {_columns(missing)}{_meant(missing, part)} {_has(part)}", column=missing[0]
        )
    for name in needed:
        if part.names.count(name) > 1:
            raise TableError(f"{part.place} has more than one column {name!r}. Rename all but one.", column=name)


def check_texts(part: Part, columns: Sequence[str]) -> None:
    """Refuse a part in which one of these columns is of a type that has no text.

    :raises TableError: naming the column and its type.
    """
    for name in columns:
        arrow_type = part.types[name]
        if arrow_type is not None and kind_of(arrow_type) is None:
            raise TableError(
                f"column {name!r} of {part.place} is of type {arrow_type}, which has no text. Write it as text.",
                column=name,
            )


def check_lists(part: Part, columns: Sequence[str]) -> None:
    """Refuse a part in which one of these columns cannot hold lists of text.

    :raises TableError: naming the column and its type.
    """
    for name in columns:
        arrow_type = part.types[name]
        if arrow_type is not None and not can_be_list(arrow_type):
            raise TableError(
                f"column {name!r} of {part.place} is of type {arrow_type}; it must hold a list of texts or numbers, "
                f"or the JSON text of an array.",
                column=name,
            )


def _columns(names: Sequence[str]) -> str:
    return f"column {names[0]!r}" if len(names) == 1 else "columns " + ", ".join(map(repr, names))


def _meant(missing: Sequence[str], part: Part) -> str:
    """Similar names, to the end of the sentence; one that differs in case or marks alone is the most similar."""
    folded = {_folded(name): name for name in reversed(part.names)}
    close = [folded[match] for name in missing for match in get_close_matches(_folded(name), folded, n=1)]
    return "; did you mean " + ", ".join(map(_shown, dict.fromkeys(close))) + "?" if close else "."


def _folded(name: str) -> str:
    """The name without what people do not see: case, width, spaces around it, quotes, a byte order mark."""
    return normalize("NFKC", name).strip(_UNSEEN).casefold()


def _has(part: Part) -> str:
    if not part.names:
        return "It has no columns at all."
    more = f" and {len(part.names) - MAX_NAMES_SHOWN:,} more" if len(part.names) > MAX_NAMES_SHOWN else ""
    return "It has: " + ", ".join(map(_shown, part.names[:MAX_NAMES_SHOWN])) + more + "."


def _shown(name: str) -> str:
    """A table that was read without its header has a row for its names."""
    return repr(mask_digits(name))
