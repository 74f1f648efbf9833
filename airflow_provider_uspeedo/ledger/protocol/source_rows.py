# SPDX-License-Identifier: Apache-2.0
"""What an attempt reads: every row of its table, which recipient it stands for, or why it is not sent.

A recipient has one row in a reading; every other row of it is a duplicate. The first row of a recipient that came
into the ledger with this attempt is noted with the recipient itself, so most rows need no line of their own. A row that
stands for a recipient that was there before gets one, unique within the attempt: the first row that is recorded stands
for the recipient, however the table was ordered before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.ledger.protocol.portion import Portion
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.lookups import looked_up
from airflow_provider_uspeedo.ledger.store.new_rows import NewRows
from airflow_provider_uspeedo.ledger.store.records import Attempt
from airflow_provider_uspeedo.ledger.store.schema import ROW_NUMBER, Tables
from airflow_provider_uspeedo.ledger.store.states import MAY_HAVE_ARRIVED

_TEXTS = ("phone", "user_id", "template_id", "sender_id")
_NAMES = ("attempt_no", ROW_NUMBER, "known_key", "key", "status", "reason", *_TEXTS)
EXCLUDED = (Status.SUPPRESSED.value, Status.NOT_SENT.value)
"""Of rows that a rule excludes, and that could be sent otherwise."""
FALSE: Any = sa.false()
ATTEMPT: Any = sa.bindparam("attempt", type_=sa.BigInteger())
CAMPAIGN: Any = sa.bindparam("campaign", type_=sa.BigInteger())


class SourceRows:
    """The statements that record staged rows.

    :param staged: the alias ``s`` of the temporary table.
    """

    def __init__(self, tables: Tables, dialect: DatabaseDialect, staged: Any) -> None:
        self._t = tables
        self._dialect = dialect
        self._staged = staged
        self._record_good = self._good()
        self._record_bad = self._insertion(self._bad())
        self._record_rest = self._insertion(self._met_again())

    def record(self, connection: Connection, attempt: Attempt, portion: Portion, *, only_others: bool) -> None:
        """Records every staged row that is not the first row of a recipient of this attempt.

        :param only_others: the rows that have a request are such first rows, and need not be looked at.
        """
        others = portion.rows_without_request()
        if only_others and not len(others):
            return
        names = {"campaign": attempt.campaign_no, "attempt": attempt.number, "all": int(not only_others)}
        # A good row comes before a bad one of the same recipient.
        if len(portion.known) or not only_others:
            self._record_good.insert(connection, names)
        if len(portion.bad_rows):
            connection.execute(self._record_bad, names)
        if only_others and self._recorded(connection, attempt, others) == len(others):
            return  # no row was left out because another one stands for its recipient
        connection.execute(self._record_rest, {"attempt": attempt.number, "all": int(not only_others)})

    def _recorded(self, connection: Connection, attempt: Attempt, row_numbers: np.ndarray[Any, Any]) -> int:
        """How many rows of this attempt the ledger has between the first and the last of these."""
        table = self._t.source_rows.c
        between = table[ROW_NUMBER].between(int(row_numbers.min()), int(row_numbers.max()))
        query = sa.select(sa.func.count()).where(table.attempt_no == attempt.number, between)
        return int(connection.execute(query).scalar_one())

    def stands(self, connection: Connection) -> str:
        """SQL to be added to a condition: the staged row ``s`` stands for a recipient that was known before."""
        number = connection.dialect.identifier_preparer.quote(ROW_NUMBER)
        return (
            f" AND EXISTS (SELECT 1 FROM {self._dialect.quoted_table(connection, self._t.source_rows)} AS k "  # noqa: S608 - names of our own
            f"WHERE k.attempt_no = :attempt AND k.{number} = s.row_no AND k.known_key = s.hash)"
        )

    def _good(self) -> NewRows:
        """Rows that may be sent, but for the first row of a recipient that is new with this attempt."""
        s, r, k = self._staged.c, self._t.recipients.alias("r"), self._t.source_rows.alias("k")
        found = sa.and_(r.c.campaign_no == CAMPAIGN, r.c.key == s.hash)
        known = sa.or_(r.c.key.is_(None), r.c.first_attempt != ATTEMPT)
        first_row = sa.and_(r.c.first_attempt == ATTEMPT, r.c.first_row == s.row_no)
        return NewRows(
            self._dialect,
            self._t.source_rows,
            _NAMES,
            self._values(known, r.c.first_row),
            source=looked_up(self._staged, r, found, isouter=True),
            where=sa.and_(_looked_at(s), s.status == "", ~sa.func.coalesce(first_row, sa.false())),
            order_by=(s.row_no,) if self._dialect.key_order else (),
            taken=(k, sa.and_(k.c.attempt_no == ATTEMPT, k.c.known_key == s.hash)),
        )

    def _bad(self) -> Any:
        """Rows that are not sent for a reason of their own."""
        s = self._staged.c
        r, q = self._t.recipients.alias("r"), self._t.requests.alias("q")
        found = sa.and_(r.c.campaign_no == CAMPAIGN, r.c.key == s.hash)
        source = looked_up(looked_up(self._staged, r, found, isouter=True), q, q.c.id == r.c.request_id, isouter=True)
        # A row that is wrong today, and whose recipient an earlier attempt may have texted: that is what counts.
        texted = sa.and_(
            s.status == Status.INVALID,
            r.c.first_attempt != ATTEMPT,
            sa.or_(q.c.state.in_(MAY_HAVE_ARRIVED), r.c.proven_request_id.is_not(None)),
        )
        # A row that a rule excludes stands for a recipient that is known. If that was sent to, or will be by another
        # attempt, this is what counts; else the rule does, and the recipient gets no other line in the results.
        excluded = sa.and_(s.status.in_(EXCLUDED), r.c.first_attempt != ATTEMPT)
        again = sa.and_(s.status == Status.NOT_SENT, r.c.first_attempt == ATTEMPT)
        values = self._values(sa.or_(texted, excluded), r.c.first_row, duplicate=again, keeps_status=excluded)
        return sa.select(*values).select_from(source).where(s.status != "")

    def _met_again(self) -> Any:
        """Rows of a known key that another row of this attempt stands for."""
        s, k = self._staged.c, self._t.source_rows.alias("k")
        found = sa.and_(k.c.attempt_no == ATTEMPT, k.c.known_key == s.hash)
        other = k.c[ROW_NUMBER] != s.row_no
        source = looked_up(self._staged, k, found)
        duplicate = s.status.in_(("", Status.NOT_SENT.value))
        return sa.select(*self._values(FALSE, k.c[ROW_NUMBER], duplicate=duplicate)).select_from(source).where(other)

    def _values(
        self, stands: Any, standing_row: Any, *, duplicate: Any = None, keeps_status: Any = FALSE
    ) -> tuple[Any, ...]:
        """The values of a row.

        :param stands: the condition that it stands for a recipient that was known before.
        :param standing_row: the row that stands for its recipient, if it does not.
        :param duplicate: the condition that this makes it a duplicate; ``None``: if it could be sent.
        :param keeps_status: the condition that it stands for its recipient and has a status of its own nevertheless.
        """
        s = self._staged.c
        same = sa.literal("same recipient as row ", sa.String()).concat(sa.cast(standing_row, sa.String(20)))
        duplicate = s.status == "" if duplicate is None else duplicate

        def unless_it_stands(value: Any) -> Any:
            return value if stands is FALSE else sa.case((stands, None), else_=value)

        def own(value: Any) -> Any:
            return (
                unless_it_stands(value)
                if keeps_status is FALSE
                else sa.case((keeps_status, value), else_=unless_it_stands(value))
            )

        key = sa.null() if stands is FALSE else sa.case((stands, s.hash))
        return (
            ATTEMPT,
            s.row_no,
            key,
            unless_it_stands(s.hash),
            own(sa.case((duplicate, sa.literal(Status.DUPLICATE.value, sa.String())), else_=s.status)),
            own(sa.case((duplicate, same), else_=s.reason)),
            *(unless_it_stands(s[name]) for name in _TEXTS),
        )

    def _insertion(self, rows: Any) -> Any:
        """An INSERT of rows of which some may be there, or may stand for one recipient."""
        s = self._staged.c
        ordered = rows.where(_looked_at(s)).order_by(s.row_no)
        return self._dialect.new_only(self._t.source_rows).from_select(_NAMES, ordered, include_defaults=False)


def _looked_at(staged: Any) -> Any:
    return sa.or_(staged.request_id.is_(None), sa.bindparam("all", type_=sa.Integer()) == 1)
