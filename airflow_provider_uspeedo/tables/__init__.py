# SPDX-License-Identifier: Apache-2.0
"""Tables of any kind, read as batches of text: streaming, the needed columns only, in flat memory."""

from __future__ import annotations

from .batch import Text, TextBatch, TextList, Unreadable
from .open_table import open_table
from .table import Table

__all__ = ["Table", "Text", "TextBatch", "TextList", "Unreadable", "open_table"]
