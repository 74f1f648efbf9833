# SPDX-License-Identifier: Apache-2.0
"""Which of the rows that the attempts of one table recorded are shown: for each row and each recipient, the latest.

A later attempt of the same part replaces what it has read again. How far that goes is noted with the attempt that is
replaced (``superseded_to``), so that whole stretches of old rows are passed over without looking at them. Most attempts
have no later one that has read anything: all of their rows are shown, and none is looked at for it. What is left to
ask, row by row, concerns the attempts after which another one died, is under way, or read other slices.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.slice_conditions import is_in_slice

ONE: Any = sa.literal_column("1")


class SupersededRows:
    """Conditions on ``attempt`` and its rows.

    :param attempt: an alias of the attempts.
    :param recipient: an alias of the recipients, joined with what stands for a row.
    :param others: what else a row is made of; aliases that the conditions are correlated with.
    """

    def __init__(self, tables: Tables, attempt: Any, recipient: Any, *others: Any) -> None:
        self._attempt = attempt
        self._outer = (attempt, recipient, *others)
        self._first_attempt = recipient.c.first_attempt
        self._later = tables.attempts.alias("b")
        self._row = tables.source_rows.alias("bs")

    # -- of an attempt ------------------------------------------------------------------------------------------

    def is_followed(self) -> Any:
        """True of an attempt after which another one has read something of what this one might have read.

        All rows of every other attempt are shown.
        """
        # Three queries, each answered by an index, with any number of slices.
        mine, later = self._attempt.c, self._later.c
        return sa.or_(
            self._later_attempt(later.slice_count == mine.slice_count, later.slice_no == mine.slice_no),
            self._later_attempt(later.slice_count < mine.slice_count),
            self._later_attempt(later.slice_count > mine.slice_count),
        )

    def has_rows(self) -> Any:
        """True of an attempt that can have current rows at all."""
        return self._attempt.c.superseded_to < self._attempt.c.read_to

    # -- of a row -----------------------------------------------------------------------------------------------

    def is_replaced(self, row_number: Any, key: Any, stands: Any) -> Any:
        """True of a row that a later attempt of the same part has read again.

        :param stands: the row stands for its recipient; another one with the same key is a duplicate.
        """
        mine, later = self._attempt.c, self._later.c
        has_recipient = self._has_recipient(key, stands)
        same_slice = (later.slice_count == mine.slice_count, later.slice_no == mine.slice_no)
        read_again = sa.and_(is_in_slice(later, row_number, key), sa.or_(later.read_to >= row_number, has_recipient))
        return sa.or_(
            row_number <= mine.superseded_to,
            self._later_attempt(*same_slice, has_recipient),
            # Of another number of slices; two queries, each answered by an index.
            self._later_attempt(later.slice_count < mine.slice_count, read_again),
            self._later_attempt(later.slice_count > mine.slice_count, read_again),
        )

    def _has_recipient(self, key: Any, stands: Any) -> Any:
        """The later attempt has a row that stands for the recipient: as one it knew, or as one that was new to it."""
        later, row = self._later.c, self._row.c
        known = sa.select(ONE).select_from(self._row).where(row.attempt_no == later.attempt_no, row.known_key == key)
        new_to_it = self._first_attempt == later.attempt_no
        return sa.and_(stands, sa.or_(sa.exists(known.correlate(self._later, *self._outer)), new_to_it))

    def _later_attempt(self, *which: Any) -> Any:
        mine, later = self._attempt.c, self._later.c
        same_part = (later.campaign_no == mine.campaign_no, later.part == mine.part)
        newer = (later.attempt_no > mine.attempt_no, later.read_to > 0)
        query = sa.select(ONE).select_from(self._later).where(*same_part, *which, *newer)
        return sa.exists(query.correlate(*self._outer))
