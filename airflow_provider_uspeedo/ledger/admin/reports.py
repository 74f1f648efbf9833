# SPDX-License-Identifier: Apache-2.0
"""What a ledger reports to a person, and what was done to it: plain records.

All times are aware and in UTC. No record holds a phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One campaign in a list.

    :param attempts: how many attempts of it are in the ledger, decisions on unknown outcomes not counted.
    :param open_attempts: how many of them have not ended: they are running, or were killed, and no later attempt has
        read their table to its end.
    :param reading_attempts: how many of these have not read their own table to its end.
    :param last_attempt: the name of the newest attempt: which task instance it was; ``None``: there is no attempt.
    :param requests: how many requests there are in which state; a state without requests is left out.
    :param partly_unknown: how many of the settled requests leave some of their recipients unknown.
    :param pruned_at: when it became a tombstone; its requests are gone.
    """

    campaign_id: str
    created_at: datetime
    attempts: int
    open_attempts: int
    reading_attempts: int
    last_attempt: str | None
    last_started_at: datetime | None
    last_ended_at: datetime | None
    requests: Mapping[str, int]
    partly_unknown: int
    stopped_at: datetime | None
    stopped_by: str | None
    pruned_at: datetime | None

    @property
    def may_have_unknown(self) -> bool:
        """False: no outcome is unknown. True: some recipients of some requests have to be looked at."""
        return bool(self.requests.get("unknown") or self.requests.get("sending") or self.partly_unknown)


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt of a campaign, or one decision of a person on it.

    :param slice_no: which slice of its table it reads, counted from 1, of ``slice_count``.
    :param ended_at: ``None``: it is running, or was killed.
    :param read_whole: it has read its whole table (or slice).
    :param rows_read: every row up to this one was recorded; ``None`` once the whole table is read.
    :param requests: how many of its requests are in which state.
    """

    number: int
    name: str
    slice_no: int
    slice_count: int
    started_at: datetime
    ended_at: datetime | None
    read_whole: bool
    rows_read: int | None
    requests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UnknownRequest:
    """A request whose recipients may or may not have been texted.

    :param id: of our request, 32 hexadecimal digits: what :meth:`.LedgerAdmin.resolve` takes as ``request``.
    :param request_id: the vendor's id of the call, ``""`` if no answer named one.
    :param in_flight: it was given to the network and nothing was recorded since: an answer may still come.
    :param sent_at: when it was given to the network, by the clock of the machine that did.
    :param recipients: how many of its recipients are unknown.
    """

    id: str
    request_id: str
    session_no: str | None
    in_flight: bool
    sent_at: datetime | None
    recipients: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class UnknownCount:
    """How much is unknown, and how much of it a list of phones is about.

    :param recipients: unknown recipients; of a list of phones, those that it shows to have been sent.
    :param requests: the requests that hold them.
    :param in_flight: those of ``recipients`` whose request was given to the network and not answered yet.
    :param newest_sent_at: when the newest of those requests was given to the network.
    :param began_at: when the campaign began; it sent nothing before.
    :param listed: different phones of the list; ``matched`` and ``not_matched`` of them.
    :param matched: listed phones that are an unknown recipient of the campaign.
    :param not_matched: listed phones that are none.
    :param ambiguous: unknown recipients for whom the list proves nothing: the campaign has several messages to their
        phone and the phone is listed fewer times, or a listed number can be read as two phones of the campaign.
    :param unreadable: lines of the list that are no phone at all, such as a heading.
    :param digest: names the requests with the number of unknown recipients in each; ``""`` for a list of phones.
    """

    recipients: int
    requests: int
    in_flight: int
    newest_sent_at: datetime | None
    began_at: datetime
    listed: int = 0
    matched: int = 0
    not_matched: int = 0
    ambiguous: int = 0
    unreadable: int = 0
    digest: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class RejectedCount:
    """How many recipients are rejected.

    :param recipients: those that :meth:`.LedgerAdmin.reopen_rejected` would re-open.
    :param requests: the requests that hold them.
    :param received: rejected by the API or a receipt, and a receipt says that the carrier had their message: they are
        left as they are.
    :param forgotten: their phone is forgotten: they are left as they are.
    :param stopped_at: the campaign was stopped by ``stopped_by``; ``None``: it may go on.
    :param digest: names the requests with the number of recipients to be re-opened in each.
    """

    recipients: int
    requests: int
    received: int
    forgotten: int
    stopped_at: datetime | None
    stopped_by: str | None
    digest: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """What a person decided on a campaign.

    :param outcome: ``"sent"`` or ``"not sent"``, of unknown outcomes; ``"reopened"``, of rejected recipients.
    :param recipients: how many it was about at that time.
    :param requests: how many requests held them.
    :param who: the name that was given with it.
    :param reason: the person's; ``""``: none was asked for.
    """

    outcome: str
    recipients: int
    requests: int
    who: str
    when: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CampaignOverview:
    """All that the ledger counts of one campaign, at one moment.

    :param keys: what makes a recipient one recipient: ``"the phone"``, or the key columns.
    :param counts: rows of the table by status, as last read: one per row. Of a pruned campaign: what it counted then.
    :param gone: recipients that no current reading holds any more, by status. The results relation shows these
        lines as well, without a row number: its lines are ``counts`` and ``gone`` together.
    :param requests: how many requests there are in which state.
    :param unknown: the unknown recipients, those of ``gone`` included.
    :param unknown_requests: their requests, the oldest first; at most :data:`MAX_REQUESTS` of them.
    :param attempts: its attempts and the decisions on it, the oldest first.
    :param decisions: what people decided on it, the oldest first.
    """

    campaign_id: str
    created_at: datetime
    keys: str
    counts: Mapping[str, int]
    gone: Mapping[str, int]
    requests: Mapping[str, int]
    unknown: UnknownCount
    unknown_requests: tuple[UnknownRequest, ...]
    attempts: tuple[AttemptLine, ...]
    decisions: tuple[DecisionLine, ...]
    stopped_at: datetime | None
    stopped_by: str | None
    pruned_at: datetime | None


MAX_REQUESTS = 100
"""Unknown requests that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """What stopping or resuming a campaign did.

    :param changed: false if it was so already.
    :param stopped_at: ``None``: it may go on.
    :param requests_in_flight: requests under way at that moment; they cannot be called back.
    :param recipients_in_flight: the recipients in these.
    """

    campaign_id: str
    changed: bool
    stopped_at: datetime | None
    stopped_by: str | None
    requests_in_flight: int
    recipients_in_flight: int


@dataclass(frozen=True, slots=True)
class Pruning:
    """What was done, or would be done, with one campaign when old ones are pruned.

    :param pruned: its recipients are deleted (in a dry run: they would be).
    :param why_not: why it is left alone; ``""`` if it is not.
    :param last_active_at: when its newest attempt began or ended, or it was created.
    :param counts: lines of its results by status.
    """

    campaign_id: str
    pruned: bool
    why_not: str
    last_active_at: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Where a phone was found and blanked.

    :param campaigns: how many campaigns held it.
    :param recipients: how many recipients had it.
    :param rows: how many source rows had it: bad rows and duplicates.
    :param texts: how many reasons and descriptions quoted it.
    :param suppressed: the phone is on the suppression list, as a keyed hash, and stays there.
    """

    campaigns: int
    recipients: int
    rows: int
    texts: int
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class ResultsExport:
    """The results of a campaign in a file.

    :param path: of the file, as it was given.
    :param phones: their form: ``plain``, ``masked`` or ``hashed``.
    :param counts: rows by status, for every status.
    :param size: of the file, in bytes.
    :param exported_at: the moment that the file shows.
    :param open_attempts: attempts that had not ended by then: they were running, or had been killed, and no later
        attempt had read their table to its end.
    """

    campaign_id: str
    path: str
    phones: str
    rows: int
    counts: Mapping[str, int]
    size: int
    exported_at: datetime
    open_attempts: int
