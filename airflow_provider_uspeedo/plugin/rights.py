# SPDX-License-Identifier: Apache-2.0
"""Who may do what on the page: three rights, each one of Airflow's own.

* *look*: to read the DAGs that a campaign's attempts are of. Phones are masked.
* *decide* (resolve, stop, resume, reopen): to edit these DAGs, as it takes to clear their tasks.
* *unmask*: to read the connection of the ledger. Who may has the password, and could ask the database.

Airflow's own dependencies decide, so that every auth manager and teams are respected.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection, requires_access_dag
from fastapi import Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool

FORBIDDEN, NOT_FOUND = 403, 404


class Person:
    """The person who is signed in, and what they may do."""

    def __init__(self, request: Request, user: BaseUser) -> None:
        self._request, self._user = request, user
        self._known: dict[tuple[str, str], bool] = {}

    @property
    def id(self) -> str:
        """Names them among all users."""
        return str(self._user.get_id())

    @property
    def name(self) -> str:
        """As decisions are recorded with it."""
        return " ".join("".join(one if one.isprintable() else " " for one in self._user.get_name()).split()) or self.id

    async def may_look(self, dag_ids: Collection[str] = ()) -> bool:
        """To look at campaigns of these DAGs, or at any."""
        return await self._may("GET", dag_ids)

    async def may_decide(self, dag_ids: Collection[str] = ()) -> bool:
        """To decide on a campaign of these DAGs."""
        return await self._may("PUT", dag_ids)

    async def may_unmask(self, conn_id: str | None) -> bool:
        """To see phones of the ledger behind this connection."""
        path = {"connection_id": conn_id} if conn_id else {}
        return await self._is_allowed(requires_access_connection("GET"), path)

    async def _may(self, method: Any, dag_ids: Collection[str]) -> bool:
        for dag_id in sorted(dag_ids) or [""]:
            key, path = (method, dag_id), {"dag_id": dag_id} if dag_id else {}
            if key not in self._known:
                self._known[key] = await self._is_allowed(requires_access_dag(method), path)
            if not self._known[key]:
                return False
        return True

    async def _is_allowed(self, dependency: Any, path_params: dict[str, str]) -> bool:
        """Asks one of Airflow's dependencies about something that is not in this request's address."""
        asked = Request({**self._request.scope, "path_params": path_params, "query_string": b""})
        try:
            answer = await run_in_threadpool(dependency, asked, self._user)
            if inspect.isawaitable(answer):
                await answer
        except HTTPException as refused:
            if refused.status_code != FORBIDDEN:
                raise
            return False
        return True


async def looking(request: Request, user: GetUserDep) -> Person:
    """The dependency of every address: a signed-in user who may read some DAG.

    :raises HTTPException: 401 or 403.
    """
    person = Person(request, user)
    if not await person.may_look():
        raise HTTPException(FORBIDDEN)
    return person


Looking = Annotated[Person, Depends(looking)]
