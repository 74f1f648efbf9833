# SPDX-License-Identifier: Apache-2.0
"""Database servers of the tests' own, in a folder and on a port of their own: made to be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy.engine import URL

from tests.airflow.scheduler import free_port
from tests.ledger.servers import plain_connection

STARTED_WITHIN = 60.0
"""Seconds until a server must answer, crash recovery included."""
_numbers = count(1)


class DatabaseServer(ABC):
    """One server, running or not.

    :param folder: its own; belongs to the user that it runs as.
    :param user: the user of the operating system that it runs as.
    """

    kind: str
    backend: str
    driver: str

    def __init__(self, folder: Path, user: str) -> None:
        self.folder = folder
        self.user = user
        self.port = free_port()
        self._running: psutil.Popen | None = None

    @abstractmethod
    def make(self) -> None:
        """Makes its files."""

    @abstractmethod
    def command(self, *settings: str) -> list[str]:
        """What starts it in the foreground, with settings ``name=value``."""

    def url(self, database: str) -> URL:
        """The address of one of its databases, for its superuser."""
        name = f"{self.backend}+{self.driver}"
        return URL.create(name, username="root", host="127.0.0.1", port=self.port, database=database)

    def start(self, *settings: str) -> None:
        """Starts it, and returns when it answers."""
        command = as_user(self.user, self.command(*settings))
        with (self.folder / "server.log").open("ab") as log:
            self._running = psutil.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + STARTED_WITHIN
        while not self._answers():
            assert self._running.poll() is None, f"{self.kind} did not start: {self._last_words()}"
            assert time.monotonic() < deadline, f"{self.kind} does not answer: {self._last_words()}"
            time.sleep(0.02)

    def kill(self) -> None:
        """``kill -9`` of the server and of all its processes: nothing is written any more."""
        if self._running is None:
            return
        family = [self._running, *self._running.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self._running.wait(STARTED_WITHIN)
        while any(map(is_alive, family)):
            time.sleep(0.005)
        self._running = None

    def stop(self) -> None:
        """Stops it as its own tools do when they are in a hurry: sessions are cut, what was committed is kept."""
        if self._running is not None:
            self._running.send_signal(self.hurry)
            self._running.wait(STARTED_WITHIN)
            self._running = None

    hurry = signal.SIGTERM
    in_unicode = ""
    """What makes a database hold every text, where that is not so by default."""

    def restart(self, *settings: str) -> None:
        """Killed, and started again after a crash recovery."""
        self.kill()
        self.start(*settings)

    def empty_database(self) -> str:
        """The name of a new database."""
        name = f"chaos{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}{self.in_unicode}")
        return name

    def run(self, *statements: str, database: str = "") -> None:
        """Runs statements as the superuser, each committed at once."""
        with closing(self.connect(database)) as connection:
            self._commit_at_once(connection)
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)

    def connect(self, database: str = "") -> Any:
        """A connection of the driver's own."""
        return plain_connection(self.url(database or self.first_database))

    first_database: str

    def _commit_at_once(self, connection: Any) -> None:
        connection.autocommit = True

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except Exception:  # noqa: BLE001 - the drivers have errors of their own; any of them means: not yet
            return False
        return True

    def _last_words(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-2000:]


class PostgreSQL(DatabaseServer):
    kind, backend, driver, first_database = "postgresql", "postgresql", "psycopg2", "postgres"
    hurry = signal.SIGQUIT  # what `pg_ctl stop -m immediate` sends

    def make(self) -> None:
        how = ["--username=root", "--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8"]
        run_as(self.user, [program("initdb"), f"--pgdata={self.folder / 'files'}", *how])

    def command(self, *settings: str) -> list[str]:
        values = [
            f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}",
            "shared_buffers=16MB", "max_connections=40", "superuser_reserved_connections=3",
            "fsync=off",  # what a killed process has written is kept by the system; only a power failure would tell
            *settings,
        ]  # fmt: skip
        return [program("postgres"), "-D", str(self.folder / "files"), *(f"--{value}" for value in values)]


class MariaDB(DatabaseServer):
    kind, backend, driver, first_database = "mysql", "mysql", "pymysql", "mysql"
    in_unicode = " CHARACTER SET utf8mb4"

    def make(self) -> None:
        how = ["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=8M"]
        # A temporary folder of its own: a server that starts clears that of any other one.
        files = [f"--datadir={self.folder / 'files'}", f"--tmpdir={self.folder}"]
        files += [f"--log-error={self.folder / 'made.log'}"]
        run_as(self.user, [program("mariadb-install-db"), "--no-defaults", *files, *how])

    def command(self, *settings: str) -> list[str]:
        values = [
            f"datadir={self.folder / 'files'}", f"socket={self.folder / 'socket'}", f"port={self.port}",
            f"pid-file={self.folder / 'pid'}", f"tmpdir={self.folder}", "bind-address=127.0.0.1",
            "innodb-buffer-pool-size=16M", "innodb-log-file-size=8M", *settings,
        ]  # fmt: skip
        return [program("mariadbd"), "--no-defaults", *(f"--{value}" for value in values)]

    def _commit_at_once(self, connection: Any) -> None:
        connection.autocommit(True)


KINDS: dict[str, type[DatabaseServer]] = {"postgresql": PostgreSQL, "mysql": MariaDB}
SYSTEM_USERS = {"postgresql": "postgres", "mysql": "mysql"}
"""Neither server wants to run as root; Debian's packages make these."""


@contextmanager
def own_server(kind: str, *settings: str) -> Iterator[DatabaseServer]:
    """A running server with nothing in it, gone afterwards."""
    refuse_or_skip(kind)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"chaos-{kind}-")))
        user = SYSTEM_USERS[kind] if os.geteuid() == 0 else ""
        if user:
            shutil.chown(folder, user)
        server = KINDS[kind](folder, user)
        server.make()
        stack.callback(server.kill)
        server.start(*settings)
        yield server


def refuse_or_skip(kind: str) -> None:
    """Skips the test if that server is not installed, except in CI, where that is a failure."""
    names = {"postgresql": ("initdb", "postgres"), "mysql": ("mariadb-install-db", "mariadbd")}[kind]
    missing = [name for name in names if program(name) == name]
    if not missing:
        return
    message = f"{' and '.join(missing)} not found: install the packages that .ci/databases names"
    if os.environ.get("USPEEDO_CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def is_alive(process: psutil.Process) -> bool:
    """False also for one that is dead and that nobody has asked about yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def program(name: str) -> str:
    """The path of a server's program; its name if it is not installed. Debian keeps PostgreSQL's off the PATH."""
    places = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *places])
    return shutil.which(name, path=path) or name


def as_user(user: str, command: list[str]) -> list[str]:
    """The same command, run as that user; as ourselves if none is named."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *command] if user else command


def run_as(user: str, command: list[str]) -> None:
    done = subprocess.run(as_user(user, command), capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
