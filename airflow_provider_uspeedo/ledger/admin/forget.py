# SPDX-License-Identifier: Apache-2.0
"""One phone is blanked wherever a ledger holds it: with its recipients, in bad rows, and in texts that quote it.

The recipient's key stays: it is what keeps the same campaign from texting the phone again. So do keyed hashes of the
phone: its place on the suppression list, and its texts as long as a cap counts them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from airflow_provider_uspeedo.core.masking import HIDDEN
from airflow_provider_uspeedo.core.phones import BadPhone, normalise, spellings_of
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.kept_contacts import KeptContacts
from airflow_provider_uspeedo.ledger.admin.reports import Forgotten
from airflow_provider_uspeedo.ledger.admin.suppressions import Suppressions
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.ledger.store.bulk import portions

MIN_NATIONAL_DIGITS = 7
"""Fewer digits than this, without a country code, may be a part of anything."""
_NORMALISED = re.compile(r"\(\d+\)\d+")
_BETWEEN = r"[\s\-./()\u2010-\u2015]{0,3}"


@dataclass(frozen=True, slots=True)
class LedgerColumn:
    """A column of the ledger that may hold the phone.

    :param key: the columns that name one of its rows.
    :param text: the column that is looked at.
    :param blanked: the columns that become empty, if the text is the phone; none: the phone is masked in the text.
    """

    table: sa.Table
    key: tuple[str, ...]
    text: str
    blanked: tuple[str, ...] = ()


class Phone:
    """One phone, and how to find it in cells and texts of any spelling.

    :raises ConfigurationError: the text is no phone; it is not quoted.
    """

    def __init__(self, text: str, default_region: str | None) -> None:
        try:
            self.normalised = normalise(text, default_region)
        except BadPhone as bad:
            reason = bad.reason.replace(", or set bare_digits", "")
            raise ConfigurationError(f"The text is no phone that can be looked for: {reason}.") from None
        self.spellings = spellings_of(self.normalised)
        """As campaigns hold it, one that began with older rules otherwise."""
        self._parts = [one[1:].split(")") for one in self.spellings]
        self._quoted = re.compile("|".join(_quoted(*parts) for parts in self._parts))

    def is_in_cell(self, cell: str) -> bool:
        """True if a cell of a table holds this phone, alone or with other text, in any spelling."""
        if _NORMALISED.fullmatch(cell):
            return cell in self.spellings
        digits = "".join(filter(str.isdecimal, _plain_digits(cell)))
        return any(_holds(digits, *parts) for parts in self._parts)

    def masked_in(self, text: str) -> str:
        """The text without the phone."""
        spans = [match.span() for match in self._quoted.finditer(_plain_digits(text))]
        for start, end in reversed(spans):
            text = text[:start] + HIDDEN + text[end:]
        return text


def _quoted(code: str, national: str) -> str:
    before = rf"(?:(?:\+|00)?(?:\( ?)?{code}{_BETWEEN}0?{_BETWEEN})"
    optional = "?" if len(national) >= MIN_NATIONAL_DIGITS else ""
    return rf"(?<!\d){before}{optional}(?:0?{_BETWEEN.join(national)})(?!\d)"


def _holds(digits: str, code: str, national: str) -> bool:
    if code + national in digits or (len(national) >= MIN_NATIONAL_DIGITS and national in digits):
        return True
    return digits in (national, "0" + national)


class Forgetting:
    """Finds a phone in every table, and blanks it."""

    def __init__(self, ledger: LedgerQueries) -> None:
        self._database = ledger.database
        self._suppressions = Suppressions(ledger)
        self._contacts = KeptContacts(ledger.tables)
        self._t = tables = ledger.tables
        person = ("phone", "user_id")
        self._recipients = LedgerColumn(tables.recipients, ("campaign_no", "key"), "phone", person)
        self._rows = LedgerColumn(tables.source_rows, ("attempt_no", "row_number"), "phone", person)
        self._texts = (
            LedgerColumn(tables.requests, ("id",), "reason"),
            LedgerColumn(tables.outcomes, ("request_id", "key"), "reason"),
            LedgerColumn(tables.source_rows, ("attempt_no", "row_number"), "reason"),
            LedgerColumn(tables.receipts, ("request_id", "key"), "description"),
        )

    def forget(self, phone: Phone) -> Forgotten:
        """Blanks the phone wherever the ledger holds it."""
        recipients = self._blank(self._recipients, phone)
        rows = self._blank(self._rows, phone)
        campaigns = {number for number, _ in recipients}
        attempts = [number for number, _ in rows]
        requests: list[bytes] = []
        texts = 0
        for column in self._texts:
            changed = self._blank(column, phone)
            texts += len(changed)
            of = attempts if column.key[0] == "attempt_no" else requests
            of += [row[0] for row in changed]
        campaigns |= self._database.read(lambda connection: self._campaigns_of_rows(connection, attempts))
        campaigns |= self._database.read(lambda connection: self._campaigns_of_requests(connection, requests))
        listed = self._suppressions.of(self._suppressions.hasher().of_phones(phone.spellings))
        return Forgotten(len(campaigns), len(recipients), len(rows), texts, suppressed=bool(listed))

    def _blank(self, column: LedgerColumn, phone: Phone) -> list[tuple[Any, ...]]:
        with self._database.streaming() as connection:
            rows = sorted(self._find(connection, column, phone))
        for portion in portions(rows):
            self._database.write(partial(self._update, column=column, rows=portion))
        return rows

    def _find(self, connection: Connection, column: LedgerColumn, phone: Phone) -> Iterator[tuple[Any, ...]]:
        """The rows that hold the phone: their key, and the new text where it is masked."""
        table = column.table
        text = table.c[column.text]
        query = sa.select(*(table.c[name] for name in column.key), text)
        if column is self._recipients:
            query = query.where(text.in_(phone.spellings))
        else:
            query = query.where(text.is_not(None), text != "")
        for *key, found in connection.execute(query):
            if column.blanked:
                if phone.is_in_cell(found):
                    yield tuple(key)
            elif (masked := phone.masked_in(found)) != found:
                yield (*key, masked)

    def _update(self, connection: Connection, column: LedgerColumn, rows: Sequence[tuple[Any, ...]]) -> None:
        """Empties or masks those rows."""
        table = column.table
        if column is self._recipients:
            self._keep_contacts(connection, rows)
        self._database.dialect.erase_deleted(connection)
        binds = [f"key_{number}" for number in range(len(column.key))]
        here = [table.c[name] == sa.bindparam(bind) for name, bind in zip(column.key, binds, strict=True)]
        change = sa.update(table).where(*here)
        if column.blanked:
            change = change.values(dict.fromkeys(column.blanked, ""))
        else:
            change, binds = change.values({column.text: sa.bindparam("masked")}), [*binds, "masked"]
        connection.execute(change, [dict(zip(binds, row, strict=True)) for row in rows])

    def _keep_contacts(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Writes the times of texts beside the hash of the phone: it cannot be made any more when the phone is gone."""
        keeping = self._contacts.keeping(connection)
        if keeping is not None:
            for campaign_no, some in groupby(rows, key=itemgetter(0)):
                self._contacts.keep(connection, keeping, campaign_no, [bytes(key) for _, key in some])

    def _campaigns_of_rows(self, connection: Connection, attempts: Sequence[int]) -> set[int]:
        """The campaigns that those attempts belong to."""
        a = self._t.attempts.c
        return {
            number
            for portion in portions(sorted(set(attempts)))
            for number in connection.execute(sa.select(a.campaign_no).where(a.attempt_no.in_(portion))).scalars()
        }

    def _campaigns_of_requests(self, connection: Connection, requests: Sequence[bytes]) -> set[int]:
        """The campaigns that those requests belong to."""
        q = self._t.requests.c
        return {
            number
            for portion in portions(sorted(set(requests)))
            for number in connection.execute(sa.select(q.campaign_no).where(q.id.in_(portion))).scalars()
        }


def _plain_digits(text: str) -> str:
    """The text with its digits of any script as ASCII ones, each in its column."""
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
