# SPDX-License-Identifier: Apache-2.0
"""Which of the lines that the tries of one table recorded is shown: for each row and each person, the latest one.

A later try of the same part replaces what it has read again. How far that goes is noted with the try that is replaced
(``superseded_to``), so that whole stretches of old lines are passed over without looking at them. Most tries have no
later one that has read anything: all of their lines are shown, and none is looked at for it. What is left to ask, line
by line, concerns the tries after which another one died, is under way, or read other slices.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.slice_conditions import is_in_slice

ONE: Any = sa.literal_column("1")


class Current:
    """Conditions on ``attempt`` and its lines.

    :param attempt: an alias of the attempts.
    :param recipient: an alias of the recipients, joined with what stands for a line.
    :param others: what else a line is made of; aliases that the conditions are correlated with.
    """

    def __init__(self, tables: Tables, attempt: Any, recipient: Any, *others: Any) -> None:
        self._attempt = attempt
        self._outer = (attempt, recipient, *others)
        self._first_attempt = recipient.c.first_attempt
        self._later = tables.attempts.alias("b")
        self._line = tables.readings.alias("bl")

    # -- of an attempt ------------------------------------------------------------------------------------------

    def is_followed(self) -> Any:
        """True of an attempt after which another one has read something of what this one might have read.

        All lines of every other attempt are shown.
        """
        return sa.or_(*self._followers())

    def has_lines(self) -> Any:
        """True of an attempt that can have current lines at all."""
        return self._attempt.c.superseded_to < self._attempt.c.reached

    def _followers(self) -> tuple[Any, ...]:
        """Three questions, so that an index answers however many slices there are."""
        mine, later = self._attempt.c, self._later.c
        has_read = sa.or_(later.reached > 0, later.read_to > 0)
        return (
            self._later_try(later.slice_count == mine.slice_count, later.slice_no == mine.slice_no, has_read),
            self._later_try(later.slice_count < mine.slice_count, has_read),
            self._later_try(later.slice_count > mine.slice_count, has_read),
        )

    # -- of a line ----------------------------------------------------------------------------------------------

    def holds(self, row_number: Any, key: Any, stands: Any) -> Any:
        """True of a line that no later try of the same part has read again.

        :param stands: the line stands for its recipient; another one with the same key is a duplicate.
        """
        return sa.and_(
            row_number > self._attempt.c.superseded_to,
            *(~again for again in self._read_again(row_number, key, stands)),
        )

    def is_replaced(self, row_number: Any, key: Any, stands: Any) -> Any:
        """The contrary of :meth:`holds`. PostgreSQL asks it of a line; of many conditions it would make joins."""
        return sa.or_(
            row_number <= self._attempt.c.superseded_to,
            *self._read_again(row_number, key, stands),
        )

    def _read_again(self, row_number: Any, key: Any, stands: Any) -> tuple[Any, ...]:
        return self._recorded_again(row_number, key, stands), *self._in_other_slices(row_number, key, stands)

    def _recorded_again(self, row_number: Any, key: Any, stands: Any) -> Any:
        """A later try of the same slice died before it came so far, but had this row, or this person, already."""
        mine, later, line = self._attempt.c, self._later.c, self._line.c
        this_row = sa.and_(later.reached >= row_number, self._has_line(line.row_number == row_number))
        return self._later_try(
            later.slice_count == mine.slice_count,
            later.slice_no == mine.slice_no,
            later.reached > 0,
            sa.or_(this_row, self._has_this_person(key, stands)),
        )

    def _in_other_slices(self, row_number: Any, key: Any, stands: Any) -> tuple[Any, ...]:
        """A later try, of another number of slices, has come to this row or this person.

        Two questions, so that an index answers.
        """
        mine, later, line = self._attempt.c, self._later.c, self._line.c
        come = sa.or_(
            later.read_to >= row_number,
            self._has_line(line.row_number == row_number),
            self._has_this_person(key, stands),
        )
        read_again = sa.and_(is_in_slice(later, row_number, key), come)
        others = (later.slice_count < mine.slice_count, later.slice_count > mine.slice_count)
        return tuple(self._later_try(other, read_again) for other in others)

    def _has_this_person(self, key: Any, stands: Any) -> Any:
        """A later try has a line that stands for the recipient: as one it knew, or as one that was new to it."""
        new_to_it = self._first_attempt == self._later.c.attempt_no
        return sa.and_(stands, sa.or_(self._has_line(self._line.c.again == key), new_to_it))

    def _later_try(self, *which: Any) -> Any:
        mine, later = self._attempt.c, self._later.c
        same_part = (later.campaign_no == mine.campaign_no, later.part == mine.part)
        query = sa.select(ONE).select_from(self._later).where(*same_part, *which, later.attempt_no > mine.attempt_no)
        return sa.exists(query.correlate(*self._outer))

    def _has_line(self, condition: Any) -> Any:
        query = (
            sa.select(ONE).select_from(self._line).where(self._line.c.attempt_no == self._later.c.attempt_no, condition)
        )
        return sa.exists(query.correlate(self._later, *self._outer))
