# SPDX-License-Identifier: Apache-2.0
"""Receipts on their way into the ledger: what is recorded of one, and the temporary table that takes many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from airflow_provider_uspeedo.core.arrays import column_of_keys, column_of_numbers, column_of_texts
from airflow_provider_uspeedo.ledger.store.records import MAX_TEXT
from airflow_provider_uspeedo.ledger.store.schema import HASH, LONG_TEXT, NUMBER, PREFIX
from airflow_provider_uspeedo.ledger.store.staged_rows import TEMPORARY

NOT_FINAL: Final = "Unknow"
"""The vendor's spelling of the one result that may still change."""
RANKS: Final[Mapping[str, int]] = {"Success": 3, "Fail": 2, "SubmitFail": 1, NOT_FINAL: 0}
"""Which of two final receipts with one time counts: the one that shows more."""
MAX_CODE = 128
MAX_COST = 2**31 - 1
_NO_COST = -1
_TIME = "%Y-%m-%d %H:%M:%S.%f"


class MessageReceipt(NamedTuple):
    """The receipt of one message, matched with its recipient.

    :param request_id: of the request that carried the message.
    :param result: one of :data:`RANKS`.
    :param at: UTC without a zone, or ``None``.
    :param cost_count: segments charged, or ``None``.
    :param proof: what it proves of a message whose outcome is unknown: ``"accepted"``, ``"rejected"``, or ``""``.
    """

    request_id: bytes
    key: bytes
    result: str
    code: str
    description: str
    at: datetime | None
    cost_count: int | None
    proof: str = ""

    @property
    def age_order(self) -> tuple[bool, datetime, int, int]:
        """Of two receipts of one message, the one with the larger value counts; the statements order them alike."""
        cost = _NO_COST if self.cost_count is None else self.cost_count
        return self.result != NOT_FINAL, self.at or datetime.min, RANKS[self.result], cost  # noqa: DTZ901 - all naive

    def fitting(self) -> MessageReceipt:
        """The same, fit for the columns."""
        cost = self.cost_count
        return self._replace(
            code=self.code[:MAX_CODE],
            description=self.description[:MAX_TEXT],
            cost_count=cost if cost is not None and 0 <= cost <= MAX_COST else None,
        )

    def __repr__(self) -> str:
        return f"MessageReceipt(result={self.result!r})"


@lru_cache(maxsize=8)
def staged_receipts(schema: str | None = None) -> sa.Table:
    """The temporary table; see :func:`.staged_rows.staged_table`."""
    return sa.Table(
        f"{PREFIX}staged_receipts",
        sa.MetaData(schema=schema),
        sa.Column("request_id", HASH, nullable=False),
        sa.Column("recipient", HASH, nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("code", sa.String(MAX_CODE), nullable=False),
        sa.Column("description", LONG_TEXT, nullable=False),
        sa.Column("received", sa.String(32), nullable=False),  # "": it has no time
        sa.Column("cost_count", NUMBER, nullable=False),  # -1: not known
        **TEMPORARY,
    )


def columns_of(receipts: Sequence[MessageReceipt]) -> dict[str, Any]:
    """Receipts by column, as they are staged; in the order given."""
    ids, keys, results, codes, descriptions, times, costs, _ = zip(*receipts, strict=True)
    texts = {
        "result": results,
        "code": codes,
        "description": descriptions,
        "received": [at.strftime(_TIME) if at else "" for at in times],
    }
    numbers = np.fromiter((_NO_COST if cost is None else cost for cost in costs), np.int64, len(receipts))
    return {
        "request_id": column_of_keys(ids),
        "recipient": column_of_keys(keys),
        **{name: column_of_texts(given).cast(pa.string()) for name, given in texts.items()},
        "cost_count": column_of_numbers(numbers),
    }


class time_of_text(FunctionElement[datetime]):  # noqa: N801 - named like the SQL functions it stands for
    """The time that a staged text is: as SQLite keeps times it is that text."""

    type = sa.DateTime()
    inherit_cache = True


@compiles(time_of_text)
def _as_it_is(element: time_of_text, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(time_of_text, "postgresql")
def _on_postgresql(element: time_of_text, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TIMESTAMP)"


@compiles(time_of_text, "mysql", "mariadb")
def _on_mysql(element: time_of_text, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS DATETIME(6))"
