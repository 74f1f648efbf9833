# SPDX-License-Identifier: Apache-2.0
"""The rows of one portion on their way into the ledger: by column, and the temporary table that takes them.

Every row is staged in the same way: new, known, duplicate and invalid rows alike. Statements decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from airflow_provider_uspeedo.ledger.store.schema import HASH, LONG_TEXT, NUMBER, PHONE_HASH, PREFIX

STAGED = f"{PREFIX}staged"
TEMPORARY: Mapping[str, Any] = {
    "prefixes": ["TEMPORARY"],
    "postgresql_on_commit": "DROP",
    **{f"{name}_engine": "InnoDB" for name in ("mysql", "mariadb")},
    **{f"{name}_charset": "utf8mb4" for name in ("mysql", "mariadb")},
    **{f"{name}_collate": "utf8mb4_bin" for name in ("mysql", "mariadb")},
}
"""Options of every temporary table."""


@dataclass(frozen=True, slots=True)
class StagedRows:
    """Rows by column, in parts.

    :param parts: for each part its columns: name to an Arrow array with one value for each row, or one value for all.
        A column that is left out is null (``hash``, ``phone_hash``, ``request_id``) or ``""``. No part is empty.
    """

    parts: Sequence[Mapping[str, Any]] = field(repr=False)


@lru_cache(maxsize=8)
def staged_table(schema: str | None = None) -> sa.Table:
    """The temporary table. Names of its columns are no reserved word of any database.

    :param schema: where the database puts temporary tables into a schema.
    """
    return sa.Table(
        STAGED,
        sa.MetaData(schema=schema),
        # The row's number in its table, or its place in a list of keys.
        sa.Column("row_no", NUMBER, nullable=False),
        sa.Column("hash", HASH),  # the recipient's key; null: none could be made
        sa.Column("phone_hash", PHONE_HASH),  # null: not asked for
        sa.Column("request_id", HASH),  # the request that is to send it; null: none
        sa.Column("status", sa.String(10), nullable=False, server_default=""),  # "": the row itself is good
        sa.Column("reason", LONG_TEXT),
        sa.Column("phone", sa.String(64), nullable=False, server_default=""),
        sa.Column("user_id", sa.String(64), nullable=False, server_default=""),
        sa.Column("template_id", sa.String(128), nullable=False, server_default=""),
        sa.Column("sender_id", sa.String(64), nullable=False, server_default=""),
        **TEMPORARY,
    )
