# SPDX-License-Identifier: Apache-2.0
"""All rows of one campaign, counted in one snapshot: by status, country, reason, receipt, and by when they were sent.

It looks at every row of the campaign, so with millions of them it takes long: a page asks for it in the background.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.masking import hide_digits
from airflow_provider_uspeedo.core.statuses import STATUSES, Status
from airflow_provider_uspeedo.ledger.admin.overview import Overviews
from airflow_provider_uspeedo.ledger.admin.reports import MAX_REQUESTS, UnknownCount, UnknownRequest
from airflow_provider_uspeedo.ledger.results.row_status import ResultRows
from airflow_provider_uspeedo.ledger.store.staged_receipts import NOT_FINAL

MAX_REASONS_READ = 100_000
"""Different reasons that are looked at, the most frequent ones first; texts that differ in a phone are different, so
there may be as many as rejected recipients. Of a campaign with more the counts of reasons are too low, and say so."""
MAX_REASONS_SHOWN = 20
_HEAD_CHARACTERS = 5
"""The longest country code with its brackets, as phones are kept."""
_WITH_REASON = (Status.REJECTED, Status.INVALID, Status.SUPPRESSED, Status.UNKNOWN, Status.NOT_SENT)
_FAILED = ("Fail", "SubmitFail")
_SENT = (Status.ACCEPTED, Status.REJECTED, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class CountedReason:
    """How many rows have a reason. Digits that could be a phone are hidden in it.

    :param status: of the rows; of a receipt, its result.
    """

    status: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class CountedCountry:
    """The rows of one country.

    :param country_code: such as ``"852"``; ``""``: the phone could not be read.
    :param delivered: messages whose receipt says so.
    :param failed: messages whose final receipt says something else.
    :param segments: charged for those whose receipt says so.
    """

    country_code: str
    statuses: Mapping[str, int]
    delivered: int
    failed: int
    segments: int


@dataclass(frozen=True, slots=True)
class CountedMoment:
    """Recipients of the requests that were given to the network within one second, by status."""

    at: datetime
    statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CampaignCounts:
    """What the rows of a campaign are, at one moment.

    :param statuses: rows of the table by status, as last read.
    :param gone: recipients that no current reading holds any more, by status.
    :param receipts: messages by the result of their receipt.
    :param moments: in order; one for each second in which something was sent.
    :param reasons_are_cut: there are more different ones than were looked at; the counts are too low.
    :param unknown_requests: the oldest ones that hold unknown recipients.

    What is ``None`` is not counted yet.
    """

    statuses: Mapping[str, int]
    gone: Mapping[str, int]
    unknown: UnknownCount
    unknown_requests: tuple[UnknownRequest, ...]
    moments: tuple[CountedMoment, ...] | None = None
    reasons: tuple[CountedReason, ...] | None = None
    reasons_are_cut: bool = False
    countries: tuple[CountedCountry, ...] | None = None
    receipts: Mapping[str, int] | None = None
    segments: int = 0
    receipt_reasons: tuple[CountedReason, ...] | None = None

    @property
    def delivery_rate(self) -> float | None:
        """Delivered messages among those with a final receipt; ``None`` where there is none."""
        receipts = self.receipts or {}
        final = sum(count for result, count in receipts.items() if result != NOT_FINAL)
        return receipts.get("Success", 0) / final if final else None


@dataclass(slots=True)
class _Country:
    statuses: Counter[str] = field(default_factory=Counter)
    delivered: int = 0
    failed: int = 0
    segments: int = 0


def _to_nobody(_counts: CampaignCounts) -> None:
    """Reports nothing."""


class CampaignCounter:
    """The SELECT statements behind :class:`CampaignCounts`."""

    def __init__(self, rows: ResultRows, overviews: Overviews) -> None:
        self._rows, self._overviews = rows, overviews

    def count(
        self, connection: Connection, campaign_no: int, report: Callable[[CampaignCounts], object] = _to_nobody
    ) -> CampaignCounts:
        """Counts within one transaction, which sees one moment.

        :param report: is given what is counted so far, each time that there is more.
        """
        unknown = self._overviews.unknown(connection, campaign_no)
        requests = self._overviews.unknown_requests(connection, campaign_no, MAX_REQUESTS)
        # What a person asks for first comes first: phones and receipts, of which each is read, take longest.
        statuses, gone = self._overviews.counts(connection, campaign_no)
        report(made := CampaignCounts(statuses, gone, unknown, requests))
        report(made := replace(made, moments=_moments(connection.execute(self._moments(campaign_no)))))
        has_reasons = any(made.statuses.get(status) or made.gone.get(status) for status in _WITH_REASON)
        found = connection.execute(self._reasons(campaign_no)) if has_reasons else ()
        texts = list(found)
        report(made := replace(made, reasons=_merged(texts), reasons_are_cut=len(texts) >= MAX_REASONS_READ))
        report(made := self._by_country(connection, campaign_no, made))
        has_failed = any((made.receipts or {}).get(result) for result in _FAILED)
        failed = connection.execute(self._receipt_reasons(campaign_no)) if has_failed else ()
        return replace(made, receipt_reasons=_merged(failed))

    def _by_country(self, connection: Connection, campaign_no: int, made: CampaignCounts) -> CampaignCounts:
        countries: dict[str, _Country] = {}
        receipts: Counter[str] = Counter()
        for status, head, result, number, segments in connection.execute(self._groups(campaign_no)):
            country = countries.setdefault(_country_code(head), _Country())
            country.statuses[status] += number
            country.segments += int(segments)
            if result is not None:
                receipts[result] += number
                country.delivered += number if result == "Success" else 0
                country.failed += number if result not in ("Success", NOT_FINAL) else 0
        return replace(
            made,
            countries=_by_size(countries),
            receipts=dict(receipts),
            segments=sum(country.segments for country in countries.values()),
        )

    def _groups(self, campaign_no: int) -> Any:
        rows = self._rows.results(campaign_no).subquery().c
        each = sa.select(
            rows.status,
            sa.func.substr(sa.func.coalesce(rows.phone, ""), 1, _HEAD_CHARACTERS).label("head"),
            rows.receipt_result,
            sa.func.coalesce(rows.cost_count, 0).label("segments"),
        ).subquery()
        groups = (each.c.status, each.c.head, each.c.receipt_result)
        return sa.select(*groups, sa.func.count(), sa.func.sum(each.c.segments)).group_by(*groups)

    def _reasons(self, campaign_no: int) -> Any:
        rows = self._rows.results(campaign_no).subquery().c
        number = sa.func.count().label("rows")
        return (
            sa.select(rows.status, rows.reason, number)
            .where(rows.status.in_(_WITH_REASON))
            .group_by(rows.status, rows.reason)
            .order_by(number.desc())
            .limit(MAX_REASONS_READ)
        )

    def _receipt_reasons(self, campaign_no: int) -> Any:
        rows = self._rows.results(campaign_no).subquery().c
        words = sa.func.coalesce(rows.receipt_desc, rows.receipt_code, "").label("words")
        each = sa.select(rows.receipt_result, words).where(rows.receipt_result.in_(_FAILED)).subquery()
        number = sa.func.count().label("rows")
        return sa.select(*each.c, number).group_by(*each.c).order_by(number.desc()).limit(MAX_REASONS_READ)

    def _moments(self, campaign_no: int) -> Any:
        recipient, request = self._rows.recipient, self._rows.request
        each = (
            sa.select(request.c.id, request.c.sent_at, self._rows.outcome.label("status"))
            .select_from(self._rows.followed(recipient))
            .where(recipient.c.campaign_no == campaign_no, request.c.sent_at.is_not(None))
            .subquery()
        )
        columns = (each.c.id, each.c.sent_at, each.c.status)
        query = sa.select(*columns, sa.func.count().label("recipients")).group_by(*columns)
        return query.where(each.c.status.in_(_SENT)).order_by(each.c.sent_at, each.c.id)


def _moments(found: Iterable[Any]) -> tuple[CountedMoment, ...]:
    counts: dict[datetime, Counter[str]] = {}
    for row in found:
        # A second is enough for a chart, and few enough for a campaign of a million requests with one recipient each.
        counts.setdefault(row.sent_at.replace(microsecond=0, tzinfo=UTC), Counter())[row.status] += row.recipients
    return tuple(CountedMoment(at, dict(statuses)) for at, statuses in counts.items())


def _merged(found: Iterable[Any]) -> tuple[CountedReason, ...]:
    """The most frequent reasons, those that differ in a phone alone as one."""
    counts: Counter[tuple[str, str]] = Counter()
    for status, reason, number in found:
        counts[status, hide_digits(reason or "")] += number
    return tuple(CountedReason(*words, number) for words, number in counts.most_common(MAX_REASONS_SHOWN))


def _by_size(countries: Mapping[str, _Country]) -> tuple[CountedCountry, ...]:
    by_size = sorted(countries.items(), key=lambda one: (-sum(one[1].statuses.values()), one[0]))
    return tuple(
        CountedCountry(code, _ordered(one.statuses), one.delivered, one.failed, one.segments) for code, one in by_size
    )


def _country_code(head: str) -> str:
    code, closed, _ = head[1:].partition(")")
    return code if head.startswith("(") and closed and code.isdecimal() else ""


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    return {status: counts[status] for status in STATUSES if counts.get(status)}
