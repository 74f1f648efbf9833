# SPDX-License-Identifier: Apache-2.0
"""Rows that were passed by value, hidden from what Airflow writes."""

from __future__ import annotations

import os
from typing import Any

from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text


class HiddenRows:
    """Rows passed by value, hidden from everything that Airflow writes: its text has only their number."""

    what = "recipients"

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    @classmethod
    def hiding(cls, given: Any) -> Any:
        """Rows are wrapped; paths and outputs of other tasks stay as they are, for Airflow to render and resolve."""
        if isinstance(given, str):
            return cls(given) if is_rows_as_text(given) and not _is_template(given) else given
        return given if given is None or isinstance(given, (os.PathLike, cls, *references())) else cls(given)

    @staticmethod
    def unwrap(given: Any) -> Any:
        """The rows, or the unwrapped value."""
        return given.rows if isinstance(given, HiddenRows) else given

    def serialize(self) -> str:
        """The text that Airflow stores for it."""
        return str(self)

    def __str__(self) -> str:
        try:
            return "<rows as text>" if isinstance(self.rows, str) else f"<{len(self.rows):,} {self.what}>"
        except Exception:  # noqa: BLE001 - Airflow must be able to write any object down
            return f"<{self.what} in a {type(self.rows).__name__}>"

    __repr__ = __str__

    def __deepcopy__(self, _memo: dict[int, Any]) -> HiddenRows:
        return self


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text


def references() -> tuple[type, ...]:
    """References to a table that Airflow resolves later."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath, XComArg

    return XComArg, ObjectStoragePath
