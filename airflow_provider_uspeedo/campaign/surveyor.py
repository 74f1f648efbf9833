# SPDX-License-Identifier: Apache-2.0
"""One pass over the whole table before the first message, for all that must be known of every row by then.

It counts the recipients for ``max_recipients``, the segments for ``max_cost`` and ``max_segments``, makes the
fingerprint of a plan, and decides which of several rows of one recipient is sent where a plan holds. The memory grows
only with the rows that lose this decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from airflow_provider_uspeedo.campaign.chosen_rows import NotChosen, Records, RowChoice, records_of
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.plan_fingerprint import EXCLUDED, INVALID, ROWS, PlanFingerprint, key_of
from airflow_provider_uspeedo.campaign.planned_arguments import planned_arguments
from airflow_provider_uspeedo.campaign.survey import Account, Survey, batch_digest
from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.phone_countries import countries_of_phones
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.row_digests import RowDigests, RowSum
from airflow_provider_uspeedo.core.segments import count_segments
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.template_text import TemplateText

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.table_reader import TableReader
    from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
    from airflow_provider_uspeedo.ledger.store.records import Attempt

MAX_LONG_ROWS = 20
"""Row numbers of messages with too many segments that a message names."""
_NEW, _SENT, _REJECTED = 0, 1, 2
"""What the ledger knows of the recipient of a row."""
_MAX_SEGMENTS = 2**32 - 1
"""More segments than a message can have."""


def survey(
    config: CampaignConfig,
    reading: TableReader,
    account: Account,
    ledger: LedgerQueries | None,
    attempt: Attempt | None,
    *,
    by_content: bool,
) -> Survey:
    """Reads the whole table once.

    :param ledger: and the campaign in it, if there is one: who was sent to before.
    :param by_content: a plan is made or holds: its fingerprint is made, and the content decides which row is sent.
    """
    asked = (ledger, attempt) if config.max_cost is not None and ledger and attempt else None
    with closing(RowChoice()) as choice:
        surveyor = _Surveyor(config, reading, choice, RowDigests(key_of(account.secret)) if by_content else None, asked)
        for first_row, good, bad in reading.whole_table():
            surveyor.add(first_row, good, bad)
        found = surveyor.decide()
    if by_content:
        values = planned_arguments(config, reading.template_texts, account.account_id)
        found.fingerprint = PlanFingerprint.of(key_of(account.secret), values, surveyor.sums)
    return found


class _Surveyor:
    """Takes the batches of a table, then decides.

    :param digests: ``None``: the first row of a recipient is sent.
    :param asked: the ledger and the campaign in it; ``None``: it need not be asked.
    """

    def __init__(
        self,
        config: CampaignConfig,
        reading: TableReader,
        choice: RowChoice,
        digests: RowDigests | None,
        asked: tuple[LedgerQueries, Attempt] | None,
    ) -> None:
        self.sums = {name: RowSum() for name in (ROWS, INVALID, EXCLUDED)}
        self._found = Survey(digests=digests)
        self._reading = reading
        self._choice = choice
        self._counting = config.max_cost is not None or config.max_segments is not None
        self._max_segments = config.max_segments
        self._asked = asked
        self._countries = _Countries()

    def add(self, first_row: int, good: RecipientBatch, bad: BadRows) -> None:
        """Takes some more rows."""
        self._found.invalid.add(len(good) + len(bad), bad.reasons(Status.INVALID))
        ever = self._reading.moment.ever_allowed(good, self._reading.moment.now())
        digests = None if self._found.digests is None else self._digests(self._found.digests, first_row, good, bad)
        self._choose(good.only(ever), None if digests is None else digests[ever])

    def _digests(self, digests: RowDigests, first_row: int, good: RecipientBatch, bad: BadRows) -> Any:
        of_good, of_bad, invalid = digests.of(good), digests.of_bad(bad), bad.having(Status.INVALID)
        for name, of_rows in ((ROWS, of_good), (INVALID, of_bad[invalid]), (EXCLUDED, of_bad[~invalid])):
            self.sums[name].add(of_rows)
        self._found.batches[first_row] = batch_digest(of_good, of_bad)
        return of_good

    def _choose(self, recipients: RecipientBatch, digests: Any) -> None:
        """Takes the rows that may be sent."""
        records = records_of(recipients, digests)
        if self._counting:
            texts, unknown = self._reading.template_texts, self._found.unknown_templates
            records["segments"] = _segments(recipients, texts, unknown)
            records["country"] = self._countries.numbers(recipients)
        if self._asked is not None:
            records["known"] = _known(*self._asked, recipients)
        self._choice.add(records)

    def decide(self) -> Survey:
        """What is known once all rows were taken."""
        found, long_rows = self._found, np.zeros(0, np.int64)
        rows, instead = [], []
        for chosen, lost, winners in self._choice.chosen():
            found.recipients += len(chosen)
            found.sent_here += int((chosen["known"] == _SENT).sum())
            self._countries.count(found.segments, chosen[chosen["known"] != _REJECTED])
            long = chosen["row"][chosen["segments"] > (self._max_segments or _MAX_SEGMENTS)]
            found.long_row_count += len(long)
            long_rows = np.sort(np.concatenate([long_rows, long]))[:MAX_LONG_ROWS]
            if found.digests is not None:
                rows.append(lost["row"].copy())
                instead.append(winners.copy())
        found.long_rows = long_rows.tolist()
        if rows:
            numbers = np.concatenate(rows)
            order = np.argsort(numbers)
            found.not_chosen = NotChosen(numbers[order], np.concatenate(instead)[order])
        return found


class _Countries:
    """Numbers for countries, as long as they are counted."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def numbers(self, recipients: RecipientBatch) -> np.ndarray[Any, Any]:
        """The number of each recipient's country."""
        column = countries_of_phones(recipients.column("phone"))
        numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in column.dictionary.to_pylist()]
        found: np.ndarray[Any, Any] = np.array(numbers, np.uint16)[numbers_of(column.indices)]
        return found

    def count(self, segments: Counter[str], records: Records) -> None:
        """Adds the segments of some rows to those of their countries."""
        sums = np.bincount(records["country"], records["segments"].astype(np.float64), len(self._numbers))
        for name, number in self._numbers.items():
            if sums[number]:
                segments[name] += int(sums[number])


def _segments(
    recipients: RecipientBatch, texts: Mapping[str, TemplateText | None], unknown: Counter[str]
) -> np.ndarray[Any, Any]:
    """The segments of each message; 0 where the text of its template is not known."""
    found = np.zeros(len(recipients), np.uint32)
    templates = recipients.column("template_id")
    which = numbers_of(templates.indices)
    names = templates.dictionary.to_pylist()
    for place in np.unique(which).tolist():
        of_template, text = which == place, texts.get(names[place])
        if text is None:
            unknown[names[place]] += int(of_template.sum())
        else:
            found[of_template] = count_segments(text.fill_all(recipients.only(of_template).column("params"))).segments
    return found


def _known(ledger: LedgerQueries, attempt: Attempt, recipients: RecipientBatch) -> np.ndarray[Any, Any]:
    """What the ledger knows of each recipient."""
    meaning = {Status.ACCEPTED: _SENT, Status.UNKNOWN: _SENT, Status.REJECTED: _REJECTED}
    keys = recipients.keys()
    statuses = ledger.outcomes(attempt, list(dict.fromkeys(keys)))
    known = {key: meaning.get(Status(found.status), _NEW) for key, found in statuses.items()}
    return np.fromiter((known.get(key, _NEW) for key in keys), np.uint8, len(keys))
