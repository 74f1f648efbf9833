# SPDX-License-Identifier: Apache-2.0
"""The roles of a table's columns, and the batches of text that its rows are read in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Columns:
    """The column for each role; ``None`` where the table has none.

    :param params: one column per variable of the template, in order.
    :param params_list: instead of ``params``, one column that holds lists.
    :param keys: the columns that identify a recipient; ``None``: its phone does.
    """

    phone: str
    params: tuple[str, ...] = ()
    params_list: str | None = None
    template_id: str | None = None
    sender_id: str | None = None
    user_id: str | None = None
    extend_code: str | None = None
    keys: tuple[str, ...] | None = None
    time_zone: str | None = None

    def texts(self) -> list[str]:
        """The columns that are read as one text per row, each once."""
        named = [
            self.phone,
            *self.params,
            self.template_id,
            self.sender_id,
            self.user_id,
            self.extend_code,
            self.time_zone,
        ]
        return list(dict.fromkeys(name for name in named if name is not None))

    def lists(self) -> list[str]:
        """The columns that are read as a list of texts per row."""
        return [self.params_list] if self.params_list else []


class Batch(Protocol):
    """Rows of text: a ``str``, ``None`` for null or NaN, or an object whose ``reason`` says why it is not text."""

    @property
    def first_row(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def columns(self) -> Mapping[str, Sequence[Any]]: ...
    @property
    def lists(self) -> Mapping[str, Sequence[Any]]: ...
    @property
    def keys(self) -> Mapping[str, Sequence[Any]]: ...
