# SPDX-License-Identifier: Apache-2.0
"""The ledger's tables: which request claimed which recipient, its outcome, and what each attempt read.

::

    campaigns ──< attempts ──< source_rows     rows that an attempt read, but for the first row of each new recipient
        │            │
        │            └──────< requests         at most one HTTP call each
        │                        │
        └──< recipients >────────┤             one per recipient: its first row, and the one request that may text it
                                 ├──< outcomes        only where a recipient's outcome differs from its request's
                                 └──< past_requests   requests that a recipient left by a person's decision
    suppressed                                  phones that may not be texted, as keyed hashes
    contacts ──< recipients                     which recipients a phone is, as far as caps are in use

Nothing here is ever derived from the clock: numbers come from the database, identities from the client.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import quoted_name

ROW_NUMBER = quoted_name("row_number", quote=True)
"""A reserved word of MySQL and MariaDB; SQLAlchemy 1.4 does not know it for MariaDB."""

READ_TO_THE_END = 2**62
"""``attempts.read_to`` of an attempt that read its whole table."""


def _on_mysql(generic: Any, special: Any) -> Any:
    return generic.with_variant(special, "mysql").with_variant(special, "mariadb")


HASH = _on_mysql(sa.LargeBinary(16), mysql.BINARY(16))
"""16 bytes, compared byte by byte: a text key would be merged by MySQL's collations."""
PHONE_HASH = _on_mysql(sa.LargeBinary(32), mysql.BINARY(32))
"""A phone as a keyed hash; see :mod:`.core.phone_hashes`."""
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = _on_mysql(sa.DateTime(), mysql.DATETIME(fsp=6))
"""UTC, without a zone: the one form that all three databases keep alike."""
LONG_TEXT = _on_mysql(sa.Text(), mysql.TEXT(charset="utf8mb4", collation="utf8mb4_bin"))

NAMES = (
    "ledger", "campaigns", "attempts", "requests", "recipients", "source_rows", "outcomes", "past_requests", "receipts",
    "suppressed", "contacts",
)  # fmt: skip
PREFIX = "uspeedo_"


def _table(metadata: sa.MetaData, name: str, *parts: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        PREFIX + name,
        metadata,
        *parts,
        sqlite_autoincrement=name in ("campaigns", "attempts"),
        sqlite_with_rowid=name != "source_rows",  # appended in the order of its key: one tree instead of two
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )


class Tables:
    """The tables of one ledger.

    :param schema: the database schema they live in; ``None`` means the connection's own.
    """

    def __init__(self, schema: str | None = None) -> None:
        self.metadata = sa.MetaData(schema=schema)
        column, table = sa.Column, _table
        self.ledger = table(
            self.metadata,
            "ledger",
            column("version", sa.Integer, primary_key=True, autoincrement=False),
            # The random key of all hashes of phones, made with the ledger and never changed; null: not made yet.
            column("phone_key", PHONE_HASH),
            # Another number after every change of the list of suppressed phones: what a mark compares.
            column("suppressions", NUMBER, nullable=False, server_default="0"),
            # The longest cap that an attempt has ever asked for, in days; null: none did, and no contact is recorded.
            column("cap_days", sa.Integer),
        )
        self.campaigns = table(
            self.metadata,
            "campaigns",
            column("campaign_no", NUMBER, primary_key=True, autoincrement=True),
            column("name_hash", HASH, nullable=False, unique=True),
            column("name", LONG_TEXT, nullable=False),
            column("key_spec", LONG_TEXT, nullable=False),
            # The version of the phone metadata that its first attempt had; null: not recorded.
            column("phone_metadata", sa.String(32)),
            column("created_at", TIME, nullable=False),
            # A person's decision: no request of this campaign may begin.
            column("stopped_at", TIME),
            column("stopped_by", LONG_TEXT),
            # The campaign is a tombstone: whether a recipient was sent to is no longer known, so nothing more is sent.
            column("pruned_at", TIME),
            # JSON: what it counted when it was pruned, status -> rows.
            column("pruned_counts", LONG_TEXT),
        )
        self.attempts = table(
            self.metadata,
            "attempts",
            column("attempt_no", NUMBER, primary_key=True, autoincrement=True),
            column("uuid", HASH, nullable=False, unique=True),
            column("campaign_no", NUMBER, nullable=False),
            column("part", HASH, nullable=False),
            # Which slice of the part's table it reads: number ``slice_no`` (from 0) of ``slice_count``.
            column("slice_no", sa.Integer, nullable=False, server_default="0"),
            column("slice_count", sa.Integer, nullable=False, server_default="1"),
            column("name", LONG_TEXT, nullable=False),
            # Every row up to here is recorded, and none after it.
            column("read_to", NUMBER, nullable=False),
            # Every row up to here has been read again by a later attempt of the same slice.
            column("superseded_to", NUMBER, nullable=False, server_default="0"),
            # What it read to the end, and how: a later attempt that finds the very same need not record it again ...
            column("fingerprint", HASH),
            # ... and this one did not: the rows of that attempt are its own, too.
            column("same_as", NUMBER),
            column("started_at", TIME, nullable=False),
            column("ended_at", TIME),
            sa.Index("uspeedo_attempts_of_part", "campaign_no", "part", "slice_count", "slice_no", "attempt_no"),
        )
        self.requests = table(
            self.metadata,
            "requests",
            column("id", HASH, primary_key=True),
            column("campaign_no", NUMBER, nullable=False),
            column("attempt_no", NUMBER, nullable=False),
            column("state", sa.String(10), nullable=False),
            column("claimed_at", TIME, nullable=False),
            column("sent_at", TIME),
            column("settled_at", TIME),
            column("session_no", LONG_TEXT),
            column("ret_code", NUMBER),
            column("request_id", sa.String(128)),
            column("reason", LONG_TEXT),
            # 1: the contacts of its recipients are recorded. Null: they are not; a cap must record them first.
            column("contacts", sa.SmallInteger),
            sa.Index("uspeedo_requests_of_campaign", "campaign_no", "attempt_no"),
            # What a cap must record first.
            sa.Index(
                "uspeedo_requests_unrecorded",
                "contacts",
                "sent_at",
                sqlite_where=sa.text("contacts IS NULL AND sent_at IS NOT NULL"),
                postgresql_where=sa.text("contacts IS NULL AND sent_at IS NOT NULL"),
            ),
            # What may have arrived, in all campaigns: few requests, and fewer the longer ago.
            sa.Index(
                "uspeedo_requests_open",
                "state",
                "campaign_no",
                sqlite_where=sa.text("state IN ('sending', 'unknown')"),
                postgresql_where=sa.text("state IN ('sending', 'unknown')"),
            ),
        )
        self.recipients = table(
            self.metadata,
            "recipients",
            column("campaign_no", NUMBER, primary_key=True, autoincrement=False),
            column("key", HASH, primary_key=True),
            column("request_id", HASH, nullable=False),
            # An older request that the API turned out to have accepted after a person had re-opened it.
            column("proven_request_id", HASH),
            column("first_attempt", NUMBER, nullable=False),
            column("first_row", NUMBER, nullable=False),
            column("phone", sa.String(32), nullable=False),
            column("user_id", sa.String(64), nullable=False),
            column("template_id", sa.String(128), nullable=False),
            column("sender_id", sa.String(64), nullable=False),
            # How many recipients a request holds, without looking at each of them.
            sa.Index("uspeedo_recipients_of_attempt", "first_attempt", "request_id"),
        )
        self.source_rows = table(
            self.metadata,
            "source_rows",
            column("attempt_no", NUMBER, primary_key=True, autoincrement=False),
            column(ROW_NUMBER, NUMBER, primary_key=True, autoincrement=False),
            # The recipient that the row stands for, which was in the ledger before this attempt met it: unique within
            # the attempt, so that its second row is found to be a duplicate.
            column("known_key", HASH),
            # Of a row that stands for no recipient: the key that could be made of it, why it is not sent, its texts.
            column("key", HASH),
            column("status", sa.String(10)),
            column("reason", LONG_TEXT),
            column("phone", sa.String(64)),
            column("user_id", sa.String(64)),
            column("template_id", sa.String(128)),
            column("sender_id", sa.String(64)),
            sa.Index(
                "uspeedo_source_rows_once",
                "attempt_no",
                "known_key",
                unique=True,
                sqlite_where=sa.text("known_key IS NOT NULL"),
                postgresql_where=sa.text("known_key IS NOT NULL"),
            ),
        )
        self.outcomes = table(
            self.metadata,
            "outcomes",
            column("request_id", HASH, primary_key=True),
            column("key", HASH, primary_key=True),
            column("status", sa.String(10), nullable=False),
            column("reason", LONG_TEXT),
            sa.Index(
                "uspeedo_outcomes_unknown",
                "status",
                "request_id",
                sqlite_where=sa.text("status = 'unknown'"),
                postgresql_where=sa.text("status = 'unknown'"),
            ),
        )
        self.past_requests = table(
            self.metadata,
            "past_requests",
            column("request_id", HASH, primary_key=True),
            column("key", HASH, primary_key=True),
        )
        self.receipts = table(
            self.metadata,
            "receipts",
            column("request_id", HASH, primary_key=True),
            column("key", HASH, primary_key=True),
            column("result", sa.String(16), nullable=False),
            column("code", sa.String(128)),
            column("description", LONG_TEXT),
            column("received_at", TIME),
            column("cost_count", sa.Integer),
        )
        self.suppressed = table(
            self.metadata,
            "suppressed",
            column("phone_hash", PHONE_HASH, primary_key=True),
            column("reason", LONG_TEXT),
            column("added_by", LONG_TEXT),
            column("added_at", TIME, nullable=False),
        )
        self.contacts = table(
            self.metadata,
            "contacts",
            column("phone_hash", PHONE_HASH, primary_key=True),
            column("campaign_no", NUMBER, primary_key=True, autoincrement=False),
            column("key", HASH, primary_key=True),
            # Of a recipient that the ledger has forgotten since: when it was texted. Null: its request knows.
            column("sent_at", TIME),
        )
