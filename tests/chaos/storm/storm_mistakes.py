# SPDX-License-Identifier: Apache-2.0
"""Mistakes that are planted into the whole package while storms run: each rule of the protocol, left out once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateTable

from airflow_provider_uspeedo.api.http import tracked_connection
from airflow_provider_uspeedo.campaign.sending import Sender
from airflow_provider_uspeedo.ledger.protocol import moves
from airflow_provider_uspeedo.ledger.protocol.marking import Marks
from airflow_provider_uspeedo.ledger.protocol.moves import Moves
from airflow_provider_uspeedo.ledger.protocol.resolution import Resolution
from airflow_provider_uspeedo.ledger.protocol.transitions import Transitions
from airflow_provider_uspeedo.ledger.results.rerun import Rerun
from airflow_provider_uspeedo.ledger.store.dialects.base import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.dialects.mysql import MySQL
from airflow_provider_uspeedo.ledger.store.dialects.postgresql import PostgreSQL
from airflow_provider_uspeedo.ledger.store.states import RequestState
from tests.ledger.mistakes import CONFLICTS, CONFLICTS_ON_MYSQL, LEFTOVERS, STATE, RecipientsFirst, planted_on

ALL = ("sqlite", "postgresql", "mysql")
SERVERS = ("postgresql", "mysql")
"""Where two transactions write at once: SQLite lets one in at a time."""


@dataclass(frozen=True)
class Mistake:
    """One rule left out.

    :param plant: leaves it out, on a kind of database.
    :param kinds: where it can do harm.
    """

    plant: Callable[[str], AbstractContextManager[Any]]
    kinds: Sequence[str] = ALL


def _statement(mistake: tuple[str, str], only: str) -> Mistake:
    return Mistake(lambda _kind: planted_on(Engine, mistake, only=only))


def _method(owner: type, name: str, wrong: Any, kinds: Sequence[str] = ALL) -> Mistake:
    return Mistake(lambda _kind: patch.object(owner, name, wrong), kinds)


def _ignore_conflict(kind: str) -> AbstractContextManager[None]:
    mistake = CONFLICTS_ON_MYSQL if kind == "mysql" else CONFLICTS
    return planted_on(Engine, mistake, only="INSERT INTO uspeedo_recipients")


@contextmanager
def _take_what_is_sending(_kind: str) -> Iterator[None]:
    with patch.object(moves, "MAY_BE_TAKEN", (*moves.MAY_BE_TAKEN, RequestState.SENDING)):
        yield


MARK_AS_CLAIMED = Marks.mark_as_claimed


def _mark_whatever_is_said(self: Marks, connection: Any, attempt: Any, request: Any) -> bool:
    MARK_AS_CLAIMED(self, connection, attempt, request)
    return True


def _release_what_was_sent(self: Sender, request: Any, error: Any) -> None:
    self._release(request, error)


def _look_then_share(self: Rerun, connection: Any, attempt: Any, earlier: int) -> bool:
    found = self.find(connection, attempt)
    if found is None or found.attempt_no != earlier or self._leaves_recipients(connection, attempt, earlier):
        return False
    time.sleep(1.0)  # the gap in which another attempt may end
    attempts = self._t.attempts
    connection.execute(sa.update(attempts).where(attempts.c.attempt_no == attempt.number).values(same_as=earlier))
    return True


KEPT = Moves.kept


def _keep_the_next_rows(self: Moves, connection: Any, requests: Any, not_ours: Any) -> list[Any]:
    """The numbers of the rows that are not ours, each read off by one."""
    return KEPT(self, connection, requests, not_ours + 1)


@contextmanager
def _keep_staged_rows(_kind: str) -> Iterator[None]:
    """The temporary table is the session's, and is never emptied."""

    def make(self: DatabaseDialect, connection: Any, table: Any) -> None:
        text = str(CreateTable(table, if_not_exists=True).compile(dialect=connection.dialect))
        connection.exec_driver_sql(text.replace("ON COMMIT DROP", ""))

    def keep(self: DatabaseDialect, connection: Any, table: Any) -> None:
        """Nothing is dropped."""

    with ExitStack() as planting:
        for one in (DatabaseDialect, PostgreSQL, MySQL):
            planting.enter_context(patch.object(one, "make_staged", make))
        planting.enter_context(patch.object(DatabaseDialect, "drop_staged", keep))
        yield


def _keep_all(_self: Moves, _connection: Any, requests: Any, _not_ours: Any) -> list[Any]:
    return list(requests)


MISTAKES = {
    "a conflict is ignored": Mistake(_ignore_conflict),
    "marking does not test the state": _statement(STATE, "sent_at"),
    "marking tests neither state nor owner": _method(Marks, "mark_as_claimed", _mark_whatever_is_said),
    "recipients are taken by a sub-select on state": _method(
        Moves, "take_requests", RecipientsFirst.take_requests, SERVERS
    ),
    "what is being sent may be taken": Mistake(_take_what_is_sending),
    "what is ours is not asked of the ledger": _method(Moves, "kept", _keep_all),
    "what is ours is read off by one row": _method(Moves, "kept", _keep_the_next_rows),
    "rows of another portion are left in the temporary table": Mistake(_keep_staged_rows),
    "the leftovers of a superseded request stay taken": Mistake(lambda _kind: planted_on(Engine, LEFTOVERS)),
    "settling is forced": _statement(STATE, "settled_at"),
    "a late proof is forgotten": _method(Transitions, "_prove", lambda *_: None),
    "a request that was sent is released": _method(Sender, "_mark_unknown", _release_what_was_sent),
    "an unchanged table is looked at, then shared": _method(Rerun, "share", _look_then_share, SERVERS),
    "a frozen process does not look at the clock": Mistake(
        lambda _kind: patch.object(tracked_connection, "_refuse_late", lambda: None)
    ),
    "not sent is taken of what is in flight": _method(Resolution, "_refuse_live", lambda *_: None),
}
