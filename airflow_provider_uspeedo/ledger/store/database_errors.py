# SPDX-License-Identifier: Apache-2.0
"""Which failures of a database pass by themselves, and how to name a failure without quoting what was written."""

from __future__ import annotations

from sqlalchemy import exc

from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect
from airflow_provider_uspeedo.ledger.store.dialects.base import Meaning

NO_CONNECTION = "no connection: is it running, and can this machine reach it?"


class TakenMeanwhile(exc.SQLAlchemyError):
    """Another transaction was faster: this one is rolled back, so that it lets go of its locks, and repeated."""


class DatabaseErrors:
    """The failures of one kind of database."""

    def __init__(self, dialect: DatabaseDialect) -> None:
        self._dialect = dialect

    def is_passing(self, error: BaseException) -> bool:
        """True if the same transaction may succeed later without help."""
        if isinstance(error, exc.TimeoutError | TakenMeanwhile):  # TimeoutError: no connection came free in the pool
            return True
        if not isinstance(error, exc.DBAPIError):
            return False
        if error.connection_invalidated:
            return True
        meaning = self._meaning(error)
        return not (meaning and meaning.lasts) and self._dialect.is_passing(self._code(error), error)

    def is_soon_over(self, error: BaseException, *, connected: bool) -> bool:
        """True if it is worth to wait for that a minute.

        :param connected: there has been a connection before.
        """
        meaning = self._meaning(error) if isinstance(error, exc.DBAPIError) else None
        return self.is_passing(error) and (connected or not (meaning and meaning.at_first))

    def is_full(self, error: BaseException) -> bool:
        """True if the database has no room left: waiting does not help, room must be made."""
        return isinstance(error, exc.DBAPIError) and self._dialect.is_full(self._code(error))

    def is_about_rights(self, error: BaseException) -> bool:
        """True if the user lacks a right."""
        return isinstance(error, exc.DBAPIError) and self._dialect.is_listed(
            self._code(error), self._dialect.lacks_right
        )

    def is_about_text(self, error: BaseException) -> bool:
        """True if the database, its connection or its driver cannot hold a text."""
        if isinstance(error, exc.DBAPIError):
            return isinstance(error, exc.DataError) or self._dialect.is_listed(
                self._code(error), self._dialect.unfit_text
            )
        original = error.orig if isinstance(error, exc.StatementError) else error
        return isinstance(original, ValueError)  # a driver's own: a lone surrogate, a NUL

    def is_contention(self, error: BaseException) -> bool:
        """True if other transactions were in the way: the connection is as good as before."""
        return isinstance(error, exc.DBAPIError) and self._dialect.is_listed(
            self._code(error), self._dialect.contention
        )

    def is_any(self, error: BaseException) -> bool:
        """True of every failure of the database, and of its connection where Python's own error says so."""
        return isinstance(error, exc.DBAPIError | exc.TimeoutError | exc.InvalidRequestError | OSError | EOFError)

    def summary(self, error: exc.SQLAlchemyError) -> str:
        """The failure's class, code and meaning; never the statement, its values, or the driver's own text."""
        if isinstance(error, exc.TimeoutError):
            return "TimeoutError (all connections of this task are busy: it hangs, or is very slow)"
        if isinstance(error, TakenMeanwhile):
            return "other transactions were in the way for too long"
        if not isinstance(error, exc.DBAPIError):
            return type(error).__name__
        code = self._code(error)
        found = self._meaning(error)
        meaning = found.words if found else ""
        if not meaning and self.is_passing(error) and not self._dialect.is_a_file:
            meaning = NO_CONNECTION
        return f"{type(error.orig).__name__}{'' if code is None else f' {code}'}" + (f" ({meaning})" if meaning else "")

    def _meaning(self, error: exc.DBAPIError) -> Meaning | None:
        return self._dialect.meaning(self._code(error), error.orig or error)

    def _code(self, error: exc.DBAPIError) -> int | str | None:
        return self._dialect.code_of(error.orig) if error.orig is not None else None
