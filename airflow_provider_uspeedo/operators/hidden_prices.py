# SPDX-License-Identifier: Apache-2.0
"""Prices given as a frame or an Arrow table, which Airflow would not write into its database as they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows, references


class HiddenPrices(HiddenRows):
    """A table of prices; its text has only the number of its rows."""

    what = "prices"

    @classmethod
    def hiding(cls, given: Any) -> Any:
        """Tables are wrapped; dicts, lists, paths and outputs of other tasks stay, for Airflow to render and show."""
        plain = (str, Mapping, list, tuple, os.PathLike, HiddenRows, type(None), *references())
        return given if isinstance(given, plain) else cls(given)
