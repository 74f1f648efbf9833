# SPDX-License-Identifier: Apache-2.0
"""Campaigns as a page lists them: some at a time, only those of one task, or those with a word in their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.attempt_names import NOTIFICATIONS, dag_id_of
from airflow_provider_uspeedo.ledger.admin.overview import Overviews
from airflow_provider_uspeedo.ledger.admin.reports import CampaignLine
from airflow_provider_uspeedo.ledger.protocol.campaigns import DECISION, part_hash
from airflow_provider_uspeedo.ledger.store.expressions import before_slash
from airflow_provider_uspeedo.ledger.store.schema import Tables
from airflow_provider_uspeedo.ledger.store.states import RequestState

MAX_ATTEMPTS_SEARCHED = 100_000
"""The newest attempts and campaigns among which those of a task or with a word are looked for: names have no index."""
ESCAPE = "\\"


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """The task instances whose campaigns are meant; ``""`` leaves a part open.

    The ledger knows an attempt by its name, and by nothing else; see ``core/attempt_names.py``.
    """

    dag_id: str
    task_id: str = ""
    run_id: str = ""

    def condition(self, name: Any) -> Any:
        """On the name of an attempt, which may be one of a notification about them."""
        # A DAG may be called as notifications are: an attempt of its tasks is told by how its name ends.
        of_task = sa.and_(name.like("% try % map %"), ~name.like("% map %/%"))
        tries = _begins(name, f"{self.dag_id}/{self.task_id}/" if self.task_id else f"{self.dag_id}/")
        if self.run_id:
            tries = sa.and_(tries, name.like(f"%/{escaped(self.run_id)} try %", escape=ESCAPE))
        about = sa.or_(*(_begins(name, beginning) for beginning in self._notified()))
        if self.run_id and not self.task_id:
            of_run = name.like(f"notify/%/%/{escaped(self.run_id)}/%", escape=ESCAPE)
            about = sa.or_(about, sa.and_(_begins(name, f"notify/{self.dag_id}/"), of_run))
        return sa.or_(sa.and_(of_task, tries), sa.and_(~of_task, about))

    def _notified(self) -> list[str]:
        """With which the names of notifications begin; see ``notifications/notified_event.py``."""
        if self.task_id:
            return [f"notify/{self.dag_id}/{self.task_id}/" + (f"{self.run_id}/" if self.run_id else "")]
        if self.run_id:
            return [f"{kind}/{self.dag_id}/{self.run_id}/" for kind in ("notify-dag", "notify-deadline")]
        return [f"{kind}/{self.dag_id}/" for kind in NOTIFICATIONS]


def _begins(name: Any, beginning: str) -> Any:
    return sa.func.substr(name, 1, len(beginning)) == beginning


@dataclass(frozen=True, slots=True)
class RequestProgress:
    """How far a campaign is, in requests.

    :param requests: those of which something became, or will: without those that others have replaced.
    :param done: those that were answered, or decided on by a person.
    :param to_decide: those with recipients whose outcome is unknown, and that are not on their way.
    :param is_reading: an attempt goes on that has not read its whole table: there will be more requests.
    """

    requests: int
    done: int
    to_decide: int
    is_reading: bool

    @classmethod
    def of(cls, line: CampaignLine, undecided: Mapping[str, int]) -> RequestProgress:
        """From the requests of a campaign by state, and those of them that hold unknown recipients."""
        settled, unknown = (line.requests.get(state, 0) for state in (RequestState.SETTLED, RequestState.UNKNOWN))
        return cls(
            requests=sum(line.requests.values()) - line.requests.get(RequestState.SUPERSEDED, 0),
            done=settled + unknown - undecided.get(RequestState.UNKNOWN, 0),
            to_decide=sum(number for state, number in undecided.items() if state != RequestState.SENDING),
            is_reading=line.reading_attempts > 0,
        )


@dataclass(frozen=True, slots=True)
class ListedCampaign:
    """One campaign of a list.

    :param number: the ledger's own; the next page begins below the last one.
    :param name_hash: the hash by which addresses name it.
    :param dag_ids: the DAGs whose tasks its attempts are of; see ``core/attempt_names.py``.
    """

    number: int
    name_hash: bytes
    line: CampaignLine
    dag_ids: frozenset[str]
    progress: RequestProgress


class CampaignList:
    """The SELECT statements behind that list; each method is called within one transaction."""

    def __init__(self, tables: Tables, overviews: Overviews) -> None:
        self._t, self._overviews = tables, overviews

    def page(
        self,
        connection: Connection,
        limit: int,
        *,
        before: int | None = None,
        task: TaskFilter | None = None,
        word: str = "",
    ) -> list[ListedCampaign]:
        """The newest campaigns, the newest first.

        :param before: only those with a smaller number.
        :param word: what their names contain.
        """
        campaigns = self._t.campaigns.c
        query = sa.select(self._t.campaigns).order_by(campaigns.campaign_no.desc()).limit(limit)
        if before is not None:
            query = query.where(campaigns.campaign_no < before)
        if task is not None:
            query = query.where(campaigns.campaign_no.in_(self._of_task(task, before, limit)))
        if word:
            query = query.where(campaigns.campaign_no.in_(self._with_word(word)))
        return self.described(connection, connection.execute(query).all())

    def find(self, connection: Connection, name_hash: bytes) -> ListedCampaign | None:
        """The campaign that an address names."""
        campaigns = self._t.campaigns
        query = sa.select(campaigns).where(campaigns.c.name_hash == name_hash)
        found = self.described(connection, connection.execute(query).all())
        return found[0] if found else None

    def described(self, connection: Connection, rows: Sequence[Any]) -> list[ListedCampaign]:
        """Rows of the campaigns' table with what is said of each."""
        lines = self._overviews.lines(connection, rows)
        dag_ids = self._dag_ids(connection, [row.campaign_no for row in rows])
        return [
            ListedCampaign(
                row.campaign_no,
                bytes(row.name_hash),
                line,
                frozenset(dag_ids.get(row.campaign_no, ())),
                RequestProgress.of(line, self._undecided(connection, row.campaign_no, line)),
            )
            for row, line in zip(rows, lines, strict=True)
        ]

    def _undecided(self, connection: Connection, campaign_no: int, line: CampaignLine) -> Mapping[str, int]:
        return self._overviews.undecided(connection, campaign_no) if line.may_have_unknown else {}

    def _dag_ids(self, connection: Connection, numbers: Sequence[int]) -> dict[int, set[str]]:
        """The DAGs of each campaign's attempts; a person's decision is of none."""
        a = self._t.attempts.c
        begin = sa.case((a.name.like("notify%"), a.name), else_=before_slash(a.name).concat("/"))
        query = sa.select(a.campaign_no, begin.label("begin")).distinct()
        query = query.where(a.campaign_no.in_(list(numbers)), a.part != part_hash(DECISION), a.name.like("%/%"))
        found: dict[int, set[str]] = {}
        for number, begins in connection.execute(query):
            if dag_id := dag_id_of(begins):
                found.setdefault(number, set()).add(dag_id)
        return found

    def _of_task(self, task: TaskFilter, before: int | None, limit: int) -> Any:
        """Numbers of campaigns, as a subquery; MariaDB wants a LIMIT one level further down."""
        a = self._t.attempts.c
        newest = (
            sa.select(a.campaign_no, a.name, a.part)
            .order_by(a.attempt_no.desc())
            .limit(MAX_ATTEMPTS_SEARCHED)
            .subquery()
        )
        found = sa.select(newest.c.campaign_no).where(
            newest.c.part != part_hash(DECISION), task.condition(newest.c.name)
        )
        if before is not None:
            found = found.where(newest.c.campaign_no < before)
        some = found.distinct().order_by(newest.c.campaign_no.desc()).limit(limit).subquery()
        return sa.select(some.c.campaign_no)

    def _with_word(self, word: str) -> Any:
        c = self._t.campaigns.c
        newest = sa.select(c.campaign_no, c.name).order_by(c.campaign_no.desc()).limit(MAX_ATTEMPTS_SEARCHED).subquery()
        pattern = f"%{escaped(word.lower())}%"
        return sa.select(newest.c.campaign_no).where(sa.func.lower(newest.c.name).like(pattern, escape=ESCAPE))


def escaped(text: str) -> str:
    """A text for LIKE in which no character has another meaning."""
    return "".join(f"{ESCAPE}{one}" if one in f"{ESCAPE}%_" else one for one in text)
