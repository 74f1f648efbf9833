# SPDX-License-Identifier: Apache-2.0
"""Converts rendered arguments to values: templates, and forms in the Airflow UI, give text for everything."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from airflow_provider_uspeedo.errors import ConfigurationError

NOTHING = ("", "none", "null")
"""The renderings of an empty field of a form, and of ``None`` in a template."""


class NotSet:
    """The value of an argument that was not given, where ``None`` means something else."""

    def serialize(self) -> str:
        """The text that Airflow stores for it."""
        return repr(self)

    def __repr__(self) -> str:
        return "<not given>"

    def __copy__(self) -> NotSet:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> NotSet:
        return self


NOTSET = NotSet()


def text_or_none(given: Any) -> str | None:
    """Text, or ``None`` for the rendering of an empty field."""
    return None if given is None or str(given).strip().lower() in NOTHING else str(given)


def names(argument: str, given: Any) -> tuple[str, ...] | None:
    """Column names: a sequence, JSON text of one, or names separated by commas."""
    if given is None or (isinstance(given, str) and given.strip().lower() in NOTHING):
        return None
    if isinstance(given, str):
        given = _listed(argument, given)
    if not isinstance(given, Sequence) or not all(isinstance(name, str) and name for name in given):
        raise ConfigurationError(f"{argument} must be a list of column names.")
    return tuple(given)


def _listed(argument: str, text: str) -> Any:
    """Names in the text of a list, as JSON or as Python writes it, or separated by commas."""
    if text.strip()[:1] not in ("[", "("):
        return [name.strip() for name in text.split(",")]
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            return read(text.strip())
    raise ConfigurationError(f"{argument} is not a list of column names: write them separated by commas.")


def switch(argument: str, given: Any) -> bool:
    """True or false, in any spelling of a template.

    :raises ConfigurationError: it is neither; guessing could send what should not be sent.
    """
    if isinstance(given, bool):
        return given
    text = str(given).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off", *NOTHING):
        return False
    raise ConfigurationError(f"{argument} is neither true nor false.")


def number(argument: str, given: Any) -> float:
    """A number, which may arrive as text.

    :raises ConfigurationError: it is not one.
    """
    if not _is_number(given):
        raise ConfigurationError(f"{argument} must be a number.")
    return float(given)


def exact_number(argument: str, given: Any) -> Decimal:
    """A number as it is written: 0.1 is a tenth.

    :raises ConfigurationError: it is not one.
    """
    if not _is_number(given):
        raise ConfigurationError(f"{argument} must be a number.")
    return Decimal(str(given).strip())


def whole_number(argument: str, given: Any) -> int:
    """A whole number, which may arrive as text.

    :raises ConfigurationError: it is not one.
    """
    if not _is_number(given) or float(given) % 1:
        raise ConfigurationError(f"{argument} must be a whole number.")
    return int(float(given))


def _is_number(given: Any) -> bool:
    try:
        return not isinstance(given, bool) and math.isfinite(float(given))
    except (TypeError, ValueError, OverflowError):
        return False
