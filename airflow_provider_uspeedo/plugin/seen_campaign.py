# SPDX-License-Identifier: Apache-2.0
"""The campaign that an address names, as far as the person may see it: what every such address depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from starlette.responses import Response

from airflow_provider_uspeedo.ledger.admin.campaign_list import ListedCampaign
from airflow_provider_uspeedo.plugin.page_ledger import OpenPageLedger, in_thread, open_ledger
from airflow_provider_uspeedo.plugin.page_templates import render
from airflow_provider_uspeedo.plugin.rights import FORBIDDEN, NOT_FOUND, Looking, Person


@dataclass(frozen=True, slots=True)
class SeenCampaign:
    """A campaign, who looks at it, and whether they may decide on it."""

    person: Person
    ledger: OpenPageLedger
    listed: ListedCampaign
    may_decide: bool

    @property
    def id(self) -> str:
        """The campaign's name."""
        return self.listed.line.campaign_id

    @property
    def key(self) -> tuple[object, ...]:
        """Names it among all campaigns of all ledgers, also of one that was made anew in the place of another."""
        about = self.listed.name_hash, self.listed.line.created_at
        return self.ledger.conn_id, self.ledger.place, self.ledger.results_table, self.listed.number, *about

    async def may_unmask(self) -> bool:
        """Whether the person may see phones."""
        return await self.person.may_unmask(self.ledger.conn_id)

    def page(self, request: Request, template: str, **values: Any) -> Response:
        """A page about the campaign.

        :param values: what its template needs besides what all of them have.
        """
        return render(
            request,
            template,
            seen=self,
            line=self.listed.line,
            person=self.person,
            ledger=self.ledger,
            here=f"campaigns/{self.listed.name_hash.hex()}",
            **values,
        )


def _find(name_hash: bytes) -> tuple[OpenPageLedger, ListedCampaign | None]:
    ledger = open_ledger()
    return ledger, ledger.pages.find(name_hash) if ledger.pages.exists() else None


async def seeing(campaign: str, person: Looking) -> SeenCampaign:
    """The campaign, if there is one and the person may read its DAGs.

    :raises HTTPException: 404, in both cases: a user without the right does not learn that it is there.
    """
    try:
        name_hash = bytes.fromhex(campaign)
    except ValueError:
        raise HTTPException(NOT_FOUND) from None
    ledger, listed = await in_thread(_find, name_hash)
    if listed is None:
        raise HTTPException(NOT_FOUND)
    if not await person.may_look(listed.dag_ids):
        raise HTTPException(NOT_FOUND)
    return SeenCampaign(person, ledger, listed, await person.may_decide(listed.dag_ids))


Seeing = Annotated[SeenCampaign, Depends(seeing)]


async def deciding(seen: Seeing) -> SeenCampaign:
    """The campaign, if the person may edit its DAGs.

    :raises HTTPException: 403 otherwise.
    """
    if not seen.may_decide:
        raise HTTPException(FORBIDDEN)
    return seen


Deciding = Annotated[SeenCampaign, Depends(deciding)]


async def unmasking(seen: Seeing) -> SeenCampaign:
    """The campaign, if the person may read the connection of its ledger.

    :raises HTTPException: 403 otherwise.
    """
    if not await seen.may_unmask():
        raise HTTPException(FORBIDDEN)
    return seen


Unmasking = Annotated[SeenCampaign, Depends(unmasking)]
