# SPDX-License-Identifier: Apache-2.0
"""Which failures of a database pass by themselves, and how to name a failure without quoting what was written."""

from __future__ import annotations

from sqlalchemy import exc

from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect

NO_CONNECTION = "no connection: is it running, and can this machine reach it?"


class DatabaseErrors:
    """The failures of one kind of database."""

    def __init__(self, dialect: DatabaseDialect) -> None:
        self._dialect = dialect

    def is_passing(self, error: BaseException) -> bool:
        """True if the same transaction may succeed later without help."""
        if isinstance(error, exc.TimeoutError):  # no connection came free in the pool
            return True
        if not isinstance(error, exc.DBAPIError):
            return False
        return bool(error.connection_invalidated) or self._dialect.is_passing(self._code(error), error)

    def is_full(self, error: BaseException) -> bool:
        """True if the database has no room left: waiting does not help, room must be made."""
        return isinstance(error, exc.DBAPIError) and self._dialect.is_full(self._code(error))

    def is_any(self, error: BaseException) -> bool:
        """True of every failure of the database, whatever its code."""
        return isinstance(error, exc.DBAPIError | exc.TimeoutError)

    def summary(self, error: exc.SQLAlchemyError) -> str:
        """The failure's class, code and meaning; never the statement, its values, or the driver's own text."""
        if isinstance(error, exc.TimeoutError):
            return "TimeoutError (all connections of this task are busy: it hangs, or is very slow)"
        if not isinstance(error, exc.DBAPIError):
            return type(error).__name__
        code = self._code(error)
        meaning = self._dialect.meaning(code, error.orig or error)
        if not meaning and self.is_passing(error) and self._dialect.name != "sqlite":
            meaning = NO_CONNECTION
        return f"{type(error.orig).__name__}{'' if code is None else f' {code}'}" + (f" ({meaning})" if meaning else "")

    def _code(self, error: exc.DBAPIError) -> int | str | None:
        return self._dialect.code_of(error.orig) if error.orig is not None else None
