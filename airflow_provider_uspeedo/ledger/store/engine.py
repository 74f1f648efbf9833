# SPDX-License-Identifier: Apache-2.0
"""A database as the ledger needs it: explicit isolation, no parameters in logs, and whole transactions repeated."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import QueuePool
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from airflow_provider_uspeedo.errors import LedgerError, LedgerUnavailable
from airflow_provider_uspeedo.ledger.store import copying
from airflow_provider_uspeedo.ledger.store.database_errors import is_full, is_passing, summary_of

T = TypeVar("T")
log = logging.getLogger(__name__)

PATIENCE = 60.0
"""Seconds for which a transaction is repeated while the database fails in a passing way."""
SILENCE = 3.0
"""Seconds of that after which the log says so, once for each transaction."""
SQLITE_BUSY_SECONDS = 60
SQLITE_PAGE = 16_384
"""Bytes. Random keys dirty pages all over a large index, and each costs two system calls, whatever its size."""
SQLITE_LOG = 256 * 2**20
"""Bytes of the write-ahead log before it goes into the file: pages that change again are written there once."""
IDLE_LIMIT = 3.0
"""Seconds. A connection unused for longer may have died, and is asked before it is used; to ask always costs a third of
a small transaction. What dies sooner is met by the repetition of transactions."""


def open_engine(url: str | URL, *, connections: int = 8, **options: Any) -> Engine:
    """An engine for the ledger.

    :param url: a SQLAlchemy URL of SQLite, PostgreSQL, MySQL or MariaDB.
    :param connections: how many connections may be open at once.
    :raises LedgerError: the database is of another kind, or its driver is not installed.
    """
    url = sa.engine.make_url(url)
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql", "mysql", "mariadb"):
        raise LedgerError(f"A ledger cannot live in {kind!r}: use SQLite, PostgreSQL, MySQL or MariaDB.")
    options = {
        "hide_parameters": True,
        "pool_use_lifo": True,  # few connections stay busy
        "poolclass": QueuePool,
        "pool_size": connections,
        **options,
    }
    if kind == "sqlite":
        options.setdefault("connect_args", {}).setdefault("timeout", SQLITE_BUSY_SECONDS)
        options["connect_args"]["check_same_thread"] = False
    else:
        options.setdefault("isolation_level", "READ COMMITTED")
        options["paramstyle"] = "format"
    try:
        engine = sa.create_engine(url, **options)
    except ImportError as error:
        raise LedgerError(f"The driver of {kind} is not installed ({error.name}): {_EXTRA[kind]}") from None
    except exc.NoSuchModuleError:  # SQLAlchemy 1.4 and psycopg 3
        raise LedgerError(f"This SQLAlchemy cannot use the driver {url.drivername!r}: {_EXTRA[kind]}") from None
    if kind == "sqlite":
        event.listen(engine, "connect", _on_sqlite_connect)
        event.listen(engine, "begin", _on_sqlite_begin)
    else:
        if kind == "postgresql":
            event.listen(engine, "do_execute", copying.execute)
        event.listen(engine, "connect", _on_postgresql_connect if kind == "postgresql" else _on_mysql_connect)
        event.listen(engine, "checkin", _on_checkin)
        event.listen(engine, "checkout", partial(_on_checkout, engine.dialect))
    return engine


_EXTRA = {
    "sqlite": "this Python was built without sqlite3",
    "postgresql": "pip install 'airflow-provider-uspeedo[postgres]'",
    "mysql": "pip install 'airflow-provider-uspeedo[mysql]'",
    "mariadb": "pip install 'airflow-provider-uspeedo[mysql]'",
}


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions by itself; see _on_sqlite_begin
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA page_size={SQLITE_PAGE}")  # of a file that is made now; an older one stays as it is
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a *sending* that power loss takes back would be sent again
    (page,) = cursor.execute("PRAGMA page_size").fetchone()
    cursor.execute(f"PRAGMA wal_autocheckpoint={SQLITE_LOG // page}")
    cursor.close()


def _on_postgresql_connect(connection: Any, _record: Any) -> None:
    # A try that froze inside a transaction would keep all others waiting for as long as it sleeps.
    cursor = connection.cursor()
    cursor.execute("SET lock_timeout = '20s'")
    cursor.execute("SET idle_in_transaction_session_timeout = '120s'")
    # The server overrates the results relation and would compile it for two seconds before each look.
    cursor.execute("SELECT set_config('jit', 'off', false) FROM pg_settings WHERE name = 'jit'")
    # A *sending* that a crash of the server takes back would be sent again.
    sure = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    cursor.execute(sure)
    cursor.close()
    connection.commit()


def _on_mysql_connect(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SET SESSION sql_mode = CONCAT(sql_mode, ',STRICT_ALL_TABLES')")  # else it cuts texts silently
    cursor.execute("SHOW VARIABLES LIKE 'idle_transaction_timeout'")
    if cursor.fetchone():  # of MariaDB: a try that froze in a transaction would keep all others waiting
        cursor.execute("SET SESSION idle_transaction_timeout = 120")
    cursor.execute("SELECT innodb_flush_log_at_trx_commit")
    (written,) = cursor.fetchone()
    cursor.close()
    if written == 0:  # only the server's administrator can change it
        connection.close()
        raise LedgerError(
            "The ledger's server may lose the last second when it crashes, and what was sent in it would be sent "
            "again: have its administrator set innodb_flush_log_at_trx_commit to 1."
        )


def _on_sqlite_begin(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails at once when another one wrote in between.
    reading = connection.get_execution_options().get("uspeedo_reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _on_checkin(_connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


def _on_checkout(dialect: Any, connection: Any, record: Any, _proxy: Any) -> None:
    idle_since = record.info.get("idle_since")
    if idle_since is None or time.monotonic() - idle_since <= IDLE_LIMIT:
        return
    try:
        alive = dialect.do_ping(connection)
    except dialect.dbapi.Error:
        alive = False
    if not alive:
        raise exc.InvalidatePoolError  # the pool makes a new one, and trusts none that is older


def _place(url: URL) -> str:
    """Where a database is, in words; without user and password."""
    kind, name = url.get_backend_name(), url.database or ""
    if kind == "sqlite":
        return f"the SQLite file {name!r}"
    at = f"{url.host or 'this machine'}{f':{url.port}' if url.port else ''}"
    return f"{kind} at {at}, database {name!r}"


class Database:
    """Runs whole transactions, and repeats them while the database fails in a passing way.

    Every function given to it must be repeatable as a whole: a commit whose acknowledgement is lost is repeated.
    """

    def __init__(self, engine: Engine, *, patience: float = PATIENCE) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.file = Path(engine.url.database or "") if self.dialect == "sqlite" else None
        self.place = _place(engine.url)
        self.patience = patience
        # SQLite lets one writer in; threads of one process wait better on a lock than by polling the file.
        self._writer: Any = threading.RLock() if self.dialect == "sqlite" else nullcontext()

    def write(self, work: Callable[[Connection], T], *, patience: float | None = None) -> T:
        """Runs ``work`` in one transaction and commits it.

        :param patience: seconds for which it is repeated, even on a full disk: for what must not be lost.
        :raises LedgerUnavailable: the database kept failing for ``patience`` seconds.
        :raises LedgerError: the database refused what no repetition would mend.
        """
        with self._writer:
            if patience is None:
                return self._repeated(work, self.engine, self.patience, is_passing)
            return self._repeated(work, self.engine, patience, _may_pass)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs ``work`` in one transaction that writes nothing.

        :raises LedgerUnavailable: see :meth:`write`.
        """
        return self._repeated(work, self.engine.execution_options(uspeedo_reading=True), self.patience, is_passing)

    @contextmanager
    def streaming(self) -> Iterator[Connection]:
        """A connection for one long SELECT, read in portions; not repeated."""
        engine = self.engine.execution_options(uspeedo_reading=True, stream_results=True, yield_per=10_000)
        with _told(self.place), engine.begin() as connection:
            yield connection

    def _repeated(
        self,
        work: Callable[[Connection], T],
        engine: Engine,
        patience: float,
        passing: Callable[[BaseException], bool],
    ) -> T:
        repeating = Retrying(
            retry=retry_if_exception(passing),
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_delay(patience),
            before_sleep=self._say_once(patience),
            reraise=True,
        )
        with _told(self.place):
            result: T = repeating(_in_one_transaction, engine, work)
            return result

    def _say_once(self, patience: float) -> Callable[[RetryCallState], None]:
        said: list[bool] = []

        def say(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if said or state.seconds_since_start is None or state.seconds_since_start < SILENCE:
                return
            said.append(True)
            why = summary_of(error) if isinstance(error, exc.SQLAlchemyError) else type(error).__name__
            log.warning("Waiting up to %.0f s for the ledger's database: %s. It is %s.", patience, why, self.place)

        return say


def _in_one_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.begin() as connection:
        _refuse_autocommit(connection)
        return work(connection)


def _may_pass(error: BaseException) -> bool:
    return is_passing(error) or (isinstance(error, exc.SQLAlchemyError) and is_full(error))


def _refuse_autocommit(connection: Connection) -> None:
    if connection.dialect.name != "sqlite" and _commits_by_itself(connection.connection.driver_connection):
        raise LedgerError("The ledger's connection is in AUTOCOMMIT mode: its transactions would not hold. Remove it.")


def _commits_by_itself(driver_connection: Any) -> bool:
    """The driver's own word: an engine's options, a URL or somebody's event may all have switched it on."""
    ask = getattr(driver_connection, "get_autocommit", None)  # of the MySQL drivers
    return bool(ask() if ask else driver_connection.autocommit)


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Turns the driver's errors into ours. Theirs may quote values, so they are not chained."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        kind = LedgerUnavailable if is_passing(error) or is_full(error) else LedgerError
        raise kind(f"The ledger's database failed: {summary_of(error)}. It is {place}.") from None
