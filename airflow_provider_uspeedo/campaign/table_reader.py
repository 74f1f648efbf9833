# SPDX-License-Identifier: Apache-2.0
"""The table as a stream of portions to claim: checked, without duplicates, cut into requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.fingerprint import fingerprint
from airflow_provider_uspeedo.campaign.guards import InvalidRows, ReasonCounts
from airflow_provider_uspeedo.campaign.moment_rules import MomentRules, utc_now
from airflow_provider_uspeedo.campaign.request_cutter import FirstRequest, RequestCutter
from airflow_provider_uspeedo.campaign.row_exclusions import RowExclusions
from airflow_provider_uspeedo.campaign.survey import Survey
from airflow_provider_uspeedo.campaign.table_remarks import TableRemarks
from airflow_provider_uspeedo.campaign.written_phones import WrittenColumn, WrittenPhones
from airflow_provider_uspeedo.core.arrays import key_cells, numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.duplicates import without_duplicates
from airflow_provider_uspeedo.core.keys import FIRST_RULES, FRACTIONS, TEXTS, WHOLE_NUMBERS, KeyMaker, KeySpec
from airflow_provider_uspeedo.core.phones import PhoneReader
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.core.rows import RowReader
from airflow_provider_uspeedo.core.slices import Slice
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.template_text import TemplateText
from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.ledger.protocol.portion import OtherKeys, Portion
from airflow_provider_uspeedo.tables import Table
from airflow_provider_uspeedo.tables.batch import TextBatch
from airflow_provider_uspeedo.tables.digest import TableDigest

PORTION_ROWS = 65_000
"""Rows claimed in one transaction. The fewer there are, the more pages of a large index are written for each; the more,
the more memory is taken."""
BATCH_ROWS = 5_000
"""Rows read at a time: they take several times the memory until they are kept by column."""

Unavailable = Callable[[RecipientBatch], np.ndarray[Any, Any]]
"""For each recipient whether it cannot be claimed."""


class TableReader:
    """One table read in one way. It can be gone through more than once.

    :param portion_rows: rows claimed in one transaction.
    :param batch_rows: rows read at a time.
    :param clock: the time in UTC, for the hours of a policy.
    :raises TableError: a column is missing, the phone column's type cannot hold phones, or a list of people who may not
        be texted cannot be read.
    :raises ConfigurationError: there is no such default region.
    """

    def __init__(
        self,
        table: Table,
        config: CampaignConfig,
        *,
        portion_rows: int = PORTION_ROWS,
        batch_rows: int = BATCH_ROWS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._table = table
        self.template_texts: Mapping[str, TemplateText | None] = {}
        self._variables: Mapping[str, int] = {}
        self._digest = TableDigest()
        self._invalid = InvalidRows()
        self.excluded = {Status.SUPPRESSED: ReasonCounts(), Status.NOT_SENT: ReasonCounts()}
        """Why rules keep rows that :meth:`portions` has read from being sent."""
        self.survey: Survey | None = None
        """What is known of the whole table; with it, the content of a recipient's rows may decide which is sent."""
        self._config = config
        self.moment = MomentRules(config.rules, clock)
        zones = config.rules.time_zone_column if self.moment.needs_zones else None
        self._columns = replace(config.columns, time_zone=zones)
        self._portion_rows = portion_rows
        self._batch_rows = min(batch_rows, portion_rows)
        self._use(self._spec(PhoneReader(config.default_region, config.bare_digits)))
        if table.loses_digits(config.columns.phone):
            raise TableError(
                f"Column {config.columns.phone!r} is of type {table.arrow_type_name(config.columns.phone)}, which "
                "keeps 7 digits and loses the rest of a phone. Write it as text or as a 64-bit integer.",
                column=config.columns.phone,
            )
        try:
            self._batches()  # checks every column now, before anything is sent; reads nothing yet
        except TableError as error:
            if zones is None or error.column != zones:
                raise
            raise TableError(f"policy: time_zone_column: {error}", column=zones) from None  # may be the connection's
        self._exclusions = RowExclusions(config.rules, config.default_region, config.bare_digits)

    def _use(self, spec: KeySpec) -> None:
        """From now on rows are read, and keys are made, as the spec says."""
        self.spec = spec
        config = self._config
        way = None if spec.rules == FIRST_RULES else config.bare_digits
        self._phones = PhoneReader(config.default_region, way, rules=spec.rules)
        self._keys = KeyMaker(spec)
        self._rows = RowReader(
            self._columns,
            template_id=config.template_id,
            sender_id=config.sender_id,
            phones=self._phones,
            keys=self._keys,
            with_zones=self.moment.needs_zones,
            spelled_numbers=self._spelled_numbers(spec),
        )
        self._rows.variables = self._variables
        self._begin()

    def continue_campaign(self, spec: KeySpec | None) -> None:
        """Reads as the campaign did when it began: an older version's rules would give other keys today.

        :param spec: what the ledger has of it; one that accepts this table's own.
        """
        if spec is not None and spec != self.spec:
            self._use(spec)

    def expect(self, texts: Mapping[str, TemplateText | None]) -> None:
        """From now on rows must have as many parameters as their template has variables.

        :param texts: template -> its text, or ``None`` where it is not known.
        """
        self.template_texts = texts
        self._variables = {template: text.variables for template, text in texts.items() if text is not None}
        self._rows.variables = self._variables

    def _spec(self, phones: PhoneReader) -> KeySpec:
        keys = self._columns.keys
        if keys is None:
            region, way = phones.default_region, phones.bare_digits
            return KeySpec(columns=None, kinds=(), default_region=region, bare_digits=way)
        kinds, forms = self._table.kinds(keys), self._table.forms(keys)
        return KeySpec(
            columns=tuple(keys),
            kinds=tuple(kinds[name] for name in keys),
            default_region=None,
            forms=tuple(forms[name] for name in keys),
        )

    def _spelled_numbers(self, spec: KeySpec) -> frozenset[str]:
        """The key columns that hold texts, in a campaign that began with numbers in them."""
        began = dict(zip(spec.columns or (), spec.forms, strict=False))
        numbers = [name for name, form in began.items() if form in (WHOLE_NUMBERS, FRACTIONS)]
        return frozenset(name for name, form in self._table.forms(numbers).items() if form == TEXTS)

    @property
    def description(self) -> str:
        """What the table is; holds no value and no credentials."""
        return self._table.description

    @property
    def rows_at_most(self) -> int | None:
        """The rows of the table; ``None`` if they are not known before it was read."""
        return self._table.rows_at_most()

    # -- what the table is recognised by ------------------------------------------------------------------------

    def fingerprint(self) -> bytes | None:
        """16 bytes that stand for the whole table and the way it is read; ``None`` if it has none.

        It reads the table once more, and makes no text of it.
        """
        return self._fingerprint(self._table.digest(self._names(), self._batch_rows))

    def fingerprint_read(self) -> bytes | None:
        """The same of what :meth:`portions` has read, once it has come to its end."""
        return self._fingerprint(self._digest)

    def _fingerprint(self, table: TableDigest) -> bytes | None:
        by_content = self.survey is not None and self.survey.digests is not None
        rules = self._exclusions.described()
        return fingerprint(self._config, self.spec, self._rows.variables, table, rules, by_content=by_content)

    def _names(self) -> list[str]:
        return [*self._columns.texts(), *self._columns.lists(), *(self._columns.keys or ())]

    # -- rows ---------------------------------------------------------------------------------------------------

    def rows(self, slice_: Slice | None = None) -> Iterator[tuple[RecipientBatch, BadRows]]:
        """The rows of a slice, a batch at a time; a second row of a key *in one batch* is a duplicate already.

        A row that waits for its hours is a recipient like others: it is sent in the end.

        :param slice_: another one than the campaign's.
        """
        self._begin()
        for batch in self._batches():
            good, bad = without_duplicates(*self._read(batch, slice_ or self._config.slice_))
            good, excluded = self.moment.split(good, self.moment.now(), waiting=False)
            bad = BadRows.joined([bad, excluded])
            self.remarks.note(good)
            yield good, bad

    def other_keys(self, recipients: Sequence[Recipient]) -> tuple[dict[int, bytes], str]:
        """The keys of what else the digits of rows could mean, by row number; and why such a row may not be sent.

        :param recipients: of the batch that :meth:`rows` gave last.
        """
        others = self._other_keys(RecipientBatch.of(recipients))
        if others is None:
            return {}, ""
        found = others(True)
        return dict(zip(found.row_numbers.tolist(), key_cells(found.keys).tolist(), strict=True)), found.reason

    def whole_table(self) -> Iterator[tuple[int, RecipientBatch, BadRows]]:
        """Every row of the whole table, a batch at a time, with the number of its first row.

        No row is a duplicate yet, and no rule of the moment is applied.
        """
        self._begin()
        for batch in self._batches():
            yield batch.first_row, *self._judged(batch)

    def portions(
        self, unavailable: Unavailable | None = None, first_request: FirstRequest = FirstRequest.ORDINARY
    ) -> Iterator[Portion]:
        """What to claim, until the table ends: consecutive rows, each in one portion.

        A portion ends with the last recipient that fills a request; the rows after it go into the next one.

        :param unavailable: says who cannot be claimed, so that requests are cut of what can be sent; ``None``: nobody
            can have been claimed yet.
        :param first_request: whether it is a probe.
        """
        cutter = RequestCutter(self._config.chunk_size, self._config.canary or 0, first_request)
        self._digest = TableDigest()
        self._invalid = InvalidRows()
        self.excluded = {status: ReasonCounts() for status in self.excluded}
        self._begin()
        rest, rest_bad = RecipientBatch.of(()), BadRows.of(())
        for good, others, last_row, is_last in self._groups():
            recipients, bad = without_duplicates(
                RecipientBatch.joined([rest, *good]), BadRows.joined([rest_bad, *others])
            )
            taken = unavailable(recipients) if unavailable else np.zeros(len(recipients), bool)
            numbers, free, moment = _numbers(recipients), ~taken, self.moment.now()
            free[free] = self.moment.allowed(recipients.only(~taken), moment)
            read_to = last_row if is_last else cutter.end_of_full_requests(numbers[free]) or last_row
            end, bad_now = int(np.searchsorted(numbers, read_to, "right")), _numbers(bad) <= read_to
            now, taken = recipients[:end], taken[:end]
            self._count_invalid(end, bad_part := bad.only(bad_now))
            self.remarks.note(now)
            self.remarks.warn(last=is_last)
            new, held = self.moment.split(now.only(~taken), moment)
            requests = cutter.requests_of(new, is_last=is_last)
            bad_part = BadRows.joined([bad_part, held])
            for status, reasons in self.excluded.items():
                reasons.add(bad_part.reasons(status))
            yield Portion(requests, now.only(taken), bad_part, read_to, is_last, self._other_keys(new))
            rest, rest_bad = recipients.take(np.arange(end, len(recipients))), bad.only(~bad_now)

    def invalid_rows(self) -> InvalidRows:
        """What :meth:`portions` has counted so far."""
        return self._invalid

    def _count_invalid(self, good: int, bad: BadRows) -> None:
        self._invalid.add(good + len(bad), bad.reasons(Status.INVALID))

    def _groups(self) -> Iterator[tuple[list[RecipientBatch], list[BadRows], int, bool]]:
        """The rows for one portion each, the number of the last row, and whether it is the last of the table."""
        good: list[RecipientBatch] = []
        bad: list[BadRows] = []
        rows = last_row = 0
        for batch in self._batches(self._digest):
            if rows + batch.length > self._portion_rows:
                yield good, bad, last_row, False
                good, bad, rows = [], [], 0
            recipients, others = self._read(batch, self._config.slice_)
            good.append(recipients)
            bad.append(others)
            rows, last_row = rows + batch.length, batch.first_row + batch.length - 1
        if good:
            yield good, bad, last_row, True

    def _judged(self, batch: TextBatch) -> tuple[RecipientBatch, BadRows]:
        """The rows of a batch by all rules that need the row alone."""
        good, bad = self._rows.read(batch)
        good, excluded = self._exclusions.split(good)
        return good, BadRows.joined([BadRows.of(bad), excluded])

    def _read(self, batch: TextBatch, slice_: Slice) -> tuple[RecipientBatch, BadRows]:
        good, bad = self._judged(batch)
        if self.survey is not None:
            good, bad = self.survey.apart(batch.first_row, good, bad)
        if self._phones.has_two_readings and self._columns.keys is None:
            self._written.append(WrittenColumn.of(batch, self._columns.phone))
        if not slice_.is_whole:
            bad = BadRows.of(list(filter(slice_.holds, bad)))
            good = good.only(np.fromiter(map(slice_.holds_key, good.keys()), bool, len(good)))
        return good, bad

    def _begin(self) -> None:
        self.moment.begin()
        self.remarks = TableRemarks(self._columns, self._phones)
        self._written: list[WrittenColumn] = []

    def _other_keys(self, recipients: RecipientBatch) -> Callable[[bool], OtherKeys] | None:
        """What :class:`.Portion` has of that name; the columns of rows before these are not kept any longer."""
        if not len(recipients):
            return None
        first = int(_numbers(recipients)[0])
        self._written = [part for part in self._written if part.last_row >= first]
        if not self._written:
            return None
        written = WrittenPhones(self._phones, self._keys, self._columns.phone, tuple(self._written))
        codes = frozenset(self.remarks.countries)
        return lambda everything: written.others(recipients, None if everything else codes)

    def _batches(self, digest: TableDigest | None = None) -> Iterator[TextBatch]:
        return self._table.batches(
            self._columns.texts(),
            list_columns=self._columns.lists(),
            key_columns=self._columns.keys or (),
            batch_rows=self._batch_rows,
            digest=digest,
        )


def _numbers(rows: RecipientBatch | BadRows) -> np.ndarray[Any, Any]:
    return numbers_of(rows.column("row_number"))
