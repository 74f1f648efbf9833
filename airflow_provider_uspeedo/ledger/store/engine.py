# SPDX-License-Identifier: Apache-2.0
"""A database as the ledger needs it: explicit isolation, no parameters in logs, and whole transactions repeated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import QueuePool
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from airflow_provider_uspeedo.errors import LedgerError, LedgerRightMissing, LedgerUnavailable
from airflow_provider_uspeedo.ledger.store.database_errors import DatabaseErrors
from airflow_provider_uspeedo.ledger.store.dialects import DatabaseDialect, dialect_for
from airflow_provider_uspeedo.ledger.store.sql_log import LOGGING_NAME, hide_rows

T = TypeVar("T")
log = logging.getLogger(__name__)

TIMEOUT = 60.0
"""Seconds for which a transaction is repeated while the database fails in a passing way."""
SILENCE = 3.0
"""Seconds of that after which the log says so, once for each transaction."""


def open_engine(url: str | URL, *, connections: int = 8, **options: Any) -> Engine:
    """An engine for the ledger.

    :param url: a SQLAlchemy URL of SQLite, PostgreSQL, MySQL or MariaDB.
    :param connections: how many connections may be open at once.
    :raises LedgerError: the database is of another kind, or its driver is not installed.
    """
    url = sa.engine.make_url(url)
    dialect = dialect_for(url.get_backend_name())
    own = dialect.engine_options()
    arguments = {
        **own.pop("connect_args", {}),
        **dialect.connect_options(url.get_driver_name()),
        **options.pop("connect_args", {}),
    }
    hide_rows()
    options = {
        "hide_parameters": True,
        "logging_name": LOGGING_NAME,
        "pool_use_lifo": True,  # few connections stay busy
        "poolclass": QueuePool,
        "pool_size": connections,
        **own,
        **options,
        "connect_args": arguments,
    }
    try:
        engine = sa.create_engine(url, **options)
    except ImportError as error:
        raise LedgerError(
            f"The driver of {dialect.name} is not installed ({error.name}): {dialect.missing_driver}"
        ) from None
    except exc.NoSuchModuleError:  # SQLAlchemy 1.4 and psycopg 3
        raise LedgerError(
            f"This SQLAlchemy cannot use the driver {url.drivername!r}: {dialect.missing_driver}"
        ) from None
    dialect.configure(engine)
    return engine


def _place(url: URL, dialect: DatabaseDialect) -> str:
    """Where a database is, in words; without user and password."""
    kind, name = url.get_backend_name(), url.database or ""
    if dialect.is_a_file:
        return f"the SQLite file {name!r}"
    at = f"{url.host or 'this machine'}{f':{url.port}' if url.port else ''}"
    return f"{kind} at {at}, database {name!r}"


class Database:
    """Runs whole transactions, and repeats them while the database fails in a passing way.

    Every function given to it must be repeatable as a whole: a commit whose acknowledgement is lost is repeated.

    :param dialect: of the engine's kind; ``None``: with its own settings.
    """

    def __init__(self, engine: Engine, *, timeout: float = TIMEOUT, dialect: DatabaseDialect | None = None) -> None:
        self.engine = engine
        self.dialect = dialect or dialect_for(engine.dialect.name)
        self.file = Path(engine.url.database or "") if self.dialect.is_a_file else None
        self.place = _place(engine.url, self.dialect)
        self.timeout = timeout
        self._errors = DatabaseErrors(self.dialect)
        self._connected = False

    def write(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction and commits it.

        :raises LedgerUnavailable: the database kept failing for ``timeout`` seconds.
        :raises LedgerError: the database refused what no repetition would change.
        """
        with self.dialect.one_writer():
            return self._repeated(work, self.engine, self.timeout, self._is_soon_over)

    def write_for_sure(
        self, work: Callable[[Connection], T], *, timeout: float, in_ascii: Callable[[Connection], T]
    ) -> T:
        """The same for what must not be lost: repeated after every failure of the database.

        :param timeout: seconds for which it is repeated.
        :param in_ascii: the same work with texts that every database holds: what is done once it refused a text.
        """
        chosen = [work]

        def as_chosen(connection: Connection) -> T:
            return chosen[0](connection)

        def is_repeated(error: BaseException) -> bool:
            if chosen[0] is not in_ascii and self._errors.is_about_text(error):
                log.warning(
                    "The ledger's database cannot hold a text of an answer: it is written with escapes (\\u....) in "
                    "place of such characters. It is %s.",
                    self.place,
                )
                chosen[0] = in_ascii
                return True
            return self._errors.is_any(error)

        with self.dialect.one_writer():
            return self._repeated(as_chosen, self.engine, timeout, is_repeated)

    def read(self, work: Callable[[Connection], T], *, by_index: bool = True) -> T:
        """Runs ``work`` in one transaction that writes nothing.

        :param by_index: it must read no table whole; false for statements on staged rows, which have no index.
        :raises LedgerUnavailable: see :meth:`write`.
        """
        engine = self.engine.execution_options(uspeedo_reading=True, uspeedo_by_index=by_index)
        return self._repeated(work, engine, self.timeout, self._is_soon_over)

    @contextmanager
    def streaming(self) -> Iterator[Connection]:
        """A connection for one long SELECT, read in portions; not repeated."""
        engine = self.engine.execution_options(
            uspeedo_reading=True, uspeedo_by_index=True, stream_results=True, yield_per=10_000
        )
        with self._translated(), engine.connect() as connection, connection.begin():
            yield connection

    def _repeated(
        self, work: Callable[[Connection], T], engine: Engine, timeout: float, passing: Callable[[BaseException], bool]
    ) -> T:
        repeating = Retrying(
            retry=retry_if_exception(passing),
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_delay(timeout),
            before_sleep=self._log_once(timeout),
            reraise=True,
        )
        with self._translated():
            result: T = repeating(self._in_one_transaction, engine, work)
            return result

    def _in_one_transaction(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            self._connected = True
            try:
                with connection.begin():
                    if not self.dialect.is_a_file:
                        _refuse_autocommit(connection)
                    return work(connection)
            except exc.DBAPIError as error:
                # What it was connected to may be read-only, or slow, for good: the next one asks anew where to go.
                if not self._errors.is_contention(error) and not connection.invalidated:
                    connection.invalidate()
                raise

    def _is_soon_over(self, error: BaseException) -> bool:
        return self._errors.is_soon_over(error, connected=self._connected)

    def _log_once(self, timeout: float) -> Callable[[RetryCallState], None]:
        logged: list[bool] = []

        def log_it(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if logged or state.seconds_since_start is None or state.seconds_since_start < SILENCE:
                return
            logged.append(True)
            why = self._errors.summary(error) if isinstance(error, exc.SQLAlchemyError) else type(error).__name__
            log.warning("Waiting up to %.0f s for the ledger's database: %s. It is %s.", timeout, why, self.place)

        return log_it

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns the driver's errors into ours. Theirs may quote values, so they are not chained."""
        try:
            yield
        except exc.SQLAlchemyError as error:
            passes = self._errors.is_passing(error) or self._errors.is_full(error)
            kind = LedgerUnavailable if passes else LedgerError
            if self._errors.is_about_rights(error):
                kind = LedgerRightMissing
            raise kind(f"The ledger's database failed: {self._errors.summary(error)}. It is {self.place}.") from None


def _refuse_autocommit(connection: Connection) -> None:
    if _commits_by_itself(connection.connection.driver_connection):
        raise LedgerError("The ledger's connection is in AUTOCOMMIT mode: its transactions would not hold. Remove it.")


def _commits_by_itself(driver_connection: Any) -> bool:
    """The driver's own word: an engine's options, a URL or an event may all have switched it on."""
    ask = getattr(driver_connection, "get_autocommit", None)  # of the MySQL drivers
    return bool(ask() if ask else driver_connection.autocommit)
