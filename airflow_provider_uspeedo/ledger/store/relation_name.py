# SPDX-License-Identifier: Apache-2.0
"""The name of the results relation, checked before it reaches any SQL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.sql.elements import quoted_name

from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.store.schema import NAMES, PREFIX

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RelationName:
    """``name`` or ``schema.name``. The ledger's tables live in the same schema."""

    name: str
    schema: str | None = None

    @classmethod
    def parse(cls, text: str) -> RelationName:
        """:raises ConfigurationError: it is not a plain SQL name, or one of the ledger's own tables."""
        schema, _, name = text.rpartition(".")
        for word in (name, *([schema] if "." in text else [])):
            if not _WORD.fullmatch(word):
                raise ConfigurationError(
                    f"results_table={text!r} is not a table name: write name or schema.name, each of ASCII letters, "
                    "digits and underscores, not starting with a digit, at most 63 long."
                )
        if schema.lower() == "temp" or schema.lower().startswith("pg_temp"):
            raise ConfigurationError(
                f"results_table={text!r} is in a schema that may end with each connection: the ledger would be empty "
                "every time, and everyone texted again. Choose another schema."
            )
        if name.lower() in {PREFIX + own for own in NAMES}:
            raise ConfigurationError(f"results_table={text!r} is one of the ledger's own tables: choose another name.")
        # Always quoted: no list of reserved words is complete for all versions of three databases.
        return cls(quoted_name(name, quote=True), quoted_name(schema, quote=True) if schema else None)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name
