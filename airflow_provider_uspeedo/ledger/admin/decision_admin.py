# SPDX-License-Identifier: Apache-2.0
"""What a person decides on a campaign's recipients, and what was decided."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin import stop
from airflow_provider_uspeedo.ledger.admin.open_admin import OpenAdmin
from airflow_provider_uspeedo.ledger.admin.rejected_recipients import RejectedRecipients
from airflow_provider_uspeedo.ledger.admin.reports import (
    MAX_REQUESTS,
    DecisionLine,
    RejectedCount,
    UnknownCount,
    UnknownRequest,
)
from airflow_provider_uspeedo.ledger.admin.suppression_admin import checked_reason
from airflow_provider_uspeedo.ledger.admin.unknown_outcomes import UnknownOutcomes
from airflow_provider_uspeedo.ledger.protocol.resolution import Decision
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries


class DecisionAdmin(OpenAdmin):
    """The methods of :class:`.LedgerAdmin` for decisions."""

    def __init__(self, ledger: LedgerQueries) -> None:
        super().__init__(ledger)
        self._unknown = UnknownOutcomes(ledger)
        self._rejected = RejectedRecipients(ledger)

    def decisions(self, campaign_id: str) -> tuple[DecisionLine, ...]:
        """What people decided on the recipients of a campaign, the oldest first; also of a pruned one."""
        campaign_no = self._found(campaign_id).campaign_no
        return self._snapshots.read(lambda connection: self._overviews.decisions(connection, campaign_no))

    # -- unknown outcomes ---------------------------------------------------------------------------------------

    def unknown_requests(self, campaign_id: str, limit: int = MAX_REQUESTS) -> tuple[UnknownRequest, ...]:
        """The requests that hold unknown recipients, the oldest first; at most ``limit`` of them."""
        if limit < 1:
            raise ConfigurationError("limit must be at least 1.")
        campaign_no = self._unpruned(campaign_id, "resolve").campaign_no
        return self._snapshots.read(lambda connection: self._overviews.unknown_requests(connection, campaign_no, limit))

    def find_request(self, campaign_id: str, beginning: str) -> str:
        """The id of the one request with unknown recipients that begins so.

        :param beginning: at least 8 hexadecimal digits of the id; a whole id is returned as it is.
        :raises ConfigurationError: there is none, or there are several.
        """
        return self._unknown.find_request(self._unpruned(campaign_id, "resolve"), campaign_id, beginning)

    def count_unknown(
        self, campaign_id: str, *, phones: Iterable[str] | None = None, request: str | None = None
    ) -> UnknownCount:
        """How many recipients :meth:`resolve` with the same arguments would decide on, at this moment."""
        campaign = self._unpruned(campaign_id, "resolve")
        _refuse_both(phones, request)
        if request is not None:
            return self._unknown.count_request(campaign, self._unknown.request_id(campaign, request))
        return self._unknown.count(campaign, phones)

    def resolve(
        self,
        campaign_id: str,
        *,
        as_sent: bool,
        by: str,
        phones: Iterable[str] | None = None,
        request: str | None = None,
        in_flight: bool = False,
        expected: int | None = None,
        shown: str | None = None,
    ) -> int:
        """Records a person's decision on the unknown outcomes of a campaign; returns of how many recipients.

        :param as_sent: they were sent (shown *accepted*), or they were not (a later run sends to them).
        :param by: who decides; it is kept with the outcome.
        :param phones: only these: numbers that the vendor's console lists as sent, in any spelling with their country
            code; one that has none is read as one of the campaign's ``default_region``. A listed number was sent;
            nothing follows for the others, so ``as_sent=False`` is refused. See :class:`UnknownCount` for what is left
            alone.
        :param request: only the recipients of this request of ours, by its whole id as the task's log or
            :meth:`unknown_requests` gives it; those that another request has by now are left alone.
        :param in_flight: also decide *not sent* on requests that were given to the network within the last minutes.
            Their answers may still come, and recipients that they reach get the message twice.
        :param expected: the number that was agreed on: with another one nothing is decided.
        :param shown: the ``digest`` of the :class:`UnknownCount` that was agreed on: if other requests are unknown by
            now, nothing is decided, also if they have as many recipients.
        :raises ConfigurationError: nothing was decided, for the reason in the message.
        :raises CampaignHalted: the campaign is pruned: there is nothing left to decide on.
        """
        if phones is not None and not as_sent:
            raise ConfigurationError(
                "A list of phones shows what was sent, and nothing about other recipients: with phones, as_sent must "
                "be True."
            )
        _refuse_both(phones, request)
        campaign, name = self._unpruned(campaign_id, "resolve"), stop.checked_name(by)
        chosen = None if phones is None else self._unknown.chosen(campaign, phones)
        only = None if request is None else self._unknown.request_id(campaign, request)
        return self._unknown.decide(
            campaign_id, campaign, Decision(as_sent, name, chosen, in_flight, expected, only, shown)
        )

    # -- rejected recipients ------------------------------------------------------------------------------------

    def count_rejected(self, campaign_id: str) -> RejectedCount:
        """How many recipients :meth:`reopen_rejected` would re-open, at this moment."""
        return self._rejected.count(self._unpruned(campaign_id, "re-open"))

    def reopen_rejected(
        self, campaign_id: str, *, reason: str, by: str, expected: int | None = None, shown: str | None = None
    ) -> int:
        """Lets a later attempt send to the rejected recipients of a campaign once more; returns how many they are.

        Only after the cause is fixed: the API refuses them again otherwise. Accepted, unknown and invalid rows stay as
        they are, and so do recipients of whom a receipt says that the carrier had their message. Nothing is sent here,
        and the rules of the DAG hold for them as for all others. It is done in portions: one that was interrupted has
        re-opened a part of them, and goes on when it is repeated.

        :param reason: why, in one line; runs of five digits and more are masked, since they may be a phone.
        :param by: who decides; both are kept.
        :param expected: the number that was agreed on: with another one nothing is re-opened, and never more.
        :param shown: the ``digest`` of the :class:`RejectedCount` that was agreed on: if other requests hold rejected
            recipients by now, nothing is re-opened, also if they are as many.
        :raises ConfigurationError: what was re-opened is in the message.
        :raises CampaignHalted: the campaign is pruned: there is nothing left to re-open.
        """
        campaign, name = self._unpruned(campaign_id, "re-open"), stop.checked_name(by)
        return self._rejected.reopen(campaign_id, campaign, name, checked_reason(reason), expected, shown)


def _refuse_both(phones: Iterable[str] | None, request: str | None) -> None:
    """:raises ConfigurationError: the recipients are named in two ways."""
    if phones is not None and request is not None:
        raise ConfigurationError("phones and request cannot be given together.")
