# SPDX-License-Identifier: Apache-2.0
"""Receipts on their way into the ledger: by column, and the temporary table that takes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
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


class MessageReceipt(NamedTuple):
    """One of :class:`MessageReceipts`.

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

    def __repr__(self) -> str:
        return f"MessageReceipt(result={self.result!r})"


@dataclass(frozen=True, slots=True)
class MessageReceipts:
    """Receipts by column, each matched with its recipient: the columns are the fields of :class:`MessageReceipt`."""

    request_id: Sequence[bytes] = field(default=(), repr=False)
    key: Sequence[bytes] = field(default=(), repr=False)
    result: Sequence[str] = field(default=(), repr=False)
    code: Sequence[str] = field(default=(), repr=False)
    description: Sequence[str] = field(default=(), repr=False)
    at: Sequence[datetime | None] = field(default=(), repr=False)
    cost_count: Sequence[int | None] = field(default=(), repr=False)
    proof: Sequence[str] = field(default=(), repr=False)

    @classmethod
    def joined(cls, several: Sequence[MessageReceipts]) -> MessageReceipts:
        """All receipts of several."""
        by_column = zip(*(one.columns for one in several), strict=True)
        return cls(*(list(chain.from_iterable(parts)) for parts in by_column))

    def __len__(self) -> int:
        return len(self.key)

    @property
    def columns(self) -> tuple[Sequence[Any], ...]:
        """In the order of the fields."""
        return (
            self.request_id, self.key, self.result, self.code, self.description, self.at, self.cost_count, self.proof,
        )  # fmt: skip

    def messages(self) -> list[tuple[bytes, bytes]]:
        """Request and recipient of each."""
        return list(zip(self.request_id, self.key, strict=True))

    def take(self, places: Sequence[int]) -> MessageReceipts:
        """Those at these places, in that order."""
        return MessageReceipts(*([column[place] for place in places] for column in self.columns))

    def ordered(self) -> MessageReceipts:
        """By request and recipient."""
        return self.take(sorted(range(len(self)), key=self.messages().__getitem__))

    def about(self, messages: Collection[tuple[bytes, bytes]]) -> list[MessageReceipt]:
        """An object for each receipt of these few messages."""
        places = [place for place, message in enumerate(self.messages()) if message in messages] if messages else []
        return [MessageReceipt(*(column[place] for column in self.columns)) for place in places]

    def newest_of_each(self) -> MessageReceipts:
        """One receipt of each message: the one that counts, with all that any of them proves."""
        messages = self.messages()
        if len(set(messages)) == len(messages):
            return self
        kept: dict[tuple[bytes, bytes], int] = {}
        proofs = list(self.proof)
        for place, message in enumerate(messages):
            other = kept.setdefault(message, place)
            if other != place:
                proof = min(filter(None, (proofs[place], proofs[other])), default="")  # accepted before rejected
                kept[message] = newest = max(place, other, key=self._age_order)
                proofs[newest] = proof
        return replace(self, proof=proofs).take(list(kept.values()))

    def _age_order(self, place: int) -> tuple[bool, datetime, int, int]:
        """Of two receipts of one message, the one with the larger value counts; the statements order them alike."""
        result, at = self.result[place], self.at[place] or datetime.min  # noqa: DTZ901 - all naive
        return result != NOT_FINAL, at, RANKS[result], _fitting(self.cost_count[place])


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


def columns_of(receipts: MessageReceipts, start: int, end: int) -> dict[str, Any]:
    """Some of the receipts as they are staged, fit for the columns; in the order given."""
    code = {text: text[:MAX_CODE] for text in set(receipts.code[start:end])}
    description = {text: text[:MAX_TEXT] for text in set(receipts.description[start:end])}
    at = {at: at.isoformat(" ", "microseconds") if at else "" for at in set(receipts.at[start:end])}
    texts = {
        "result": receipts.result[start:end],
        "code": [code[text] for text in receipts.code[start:end]],
        "description": [description[text] for text in receipts.description[start:end]],
        "received": [at[moment] for moment in receipts.at[start:end]],
    }
    costs = [_fitting(cost) for cost in receipts.cost_count[start:end]]
    return {
        "request_id": column_of_keys(receipts.request_id[start:end]),
        "recipient": column_of_keys(receipts.key[start:end]),
        **{name: column_of_texts(given).cast(pa.string()) for name, given in texts.items()},
        "cost_count": column_of_numbers(np.array(costs, np.int64)),
    }


def _fitting(cost: int | None) -> int:
    return cost if cost is not None and 0 <= cost <= MAX_COST else _NO_COST


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
