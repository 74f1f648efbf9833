# SPDX-License-Identifier: Apache-2.0
"""From nothing to an Airflow that waits for a click on *Trigger*; until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from dags_examples.airflow_ui.airflow_api import AirflowApi
from dags_examples.airflow_ui.home import EXAMPLES, Home, InUse
from dags_examples.airflow_ui.services import SIGNALS, ServiceEnded, Services
from dags_examples.airflow_ui.tables import ROWS, write_tables
from dags_examples.demo.people import TEMPLATES

READY_WITHIN = 240.0
"""Seconds that Airflow may take; it is slow on a busy machine."""
FIRST = "first_texts"
ON_CALL = "+85255310001, +85255310002"
"""Made-up phones, for the example that texts when a task has failed."""


def main() -> int:
    """Runs it; the exit code is 0 after Ctrl-C, and 1 if something ended by itself."""
    options = _options()
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    dags = [folder.resolve() for folder in options.dags]
    home = Home(options.folder.resolve(), _port(options.port), _port(options.sandbox_port), tuple(dags))
    try:
        with home.held():
            return _run(home)
    except InUse as error:
        _say(f"airflow-ui: {error}")
        return 1


def _run(home: Home) -> int:
    services = Services(home.folder, home.environment())
    if services.family():
        _say("Ending what a start that was killed has left behind ...")
        if services.end():
            return 0
    try:
        _start(home, services)
        while True:
            services.check()
            time.sleep(1)
    except KeyboardInterrupt:
        _say("", "Stopping ...")
        return 0
    except ServiceEnded as error:
        _say(f"airflow-ui: {error}")
        return 1
    finally:
        services.end()
        _say(f"Nothing of it runs any more. Its state is in {_short(home.folder)}: delete it to begin anew.")


def _start(home: Home, services: Services) -> None:
    passwords = home.passwords()
    api = AirflowApi(home.url, "admin", passwords["admin"])
    _say(f"Making the tables and the database of Airflow {version('apache-airflow')} ...")
    write_tables(home.people, home.folder / "warehouse.db")
    services.finish("migrate", "airflow", "db", "migrate")
    _say("Starting Airflow and the sandbox; this takes about half a minute ...")
    templates = [f"--template={name}={text}" for name, text in TEMPLATES.items()]
    journal = f"--journal={home.folder / 'sandbox-journal.jsonl'}"
    listen = f"--port={home.sandbox_port}"
    services.start("sandbox", "airflow_provider_uspeedo.sandbox", listen, journal, *templates)
    services.start("api-server", "airflow", "api-server")
    services.start("scheduler", "airflow", "scheduler", "--skip-serve-logs")
    services.start("dag-processor", "airflow", "dag-processor")
    services.start("triggerer", "airflow", "triggerer", "--skip-serve-logs")
    _wait(services, api.is_healthy)
    for connection in home.connections():
        api.set_connection(connection)
    api.set_pool("uspeedo", 4)
    api.set_variable("on_call", ON_CALL)
    _wait(services, lambda: {FIRST, *_examples()} <= api.dag_ids())
    _say(*_welcome(home, passwords))


def _welcome(home: Home, passwords: dict[str, str]) -> list[str]:
    """What a person needs to know."""
    return [
        "",
        f"  Airflow    {home.url}",
        *(f"               user {user:<7} password {password}" for user, password in passwords.items()),
        f"  Begin      {home.url}/dags/{FIRST}   Trigger, and Trigger once more",
        f"  Campaigns  {home.url}/plugin/sms-campaigns   what became of each row",
        f"  Inbox      {home.sandbox_url}   every text; no real message is sent",
        f"  Table      {_short(home.people)}   {ROWS:,} made-up people, templates {' and '.join(TEMPLATES)}",
        f"  Logs       {_short(home.folder)}/*.log",
        "",
        "Ctrl-C stops all of it.",
    ]


def _wait(services: Services, what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not what():
        services.check()
        if time.monotonic() > deadline:
            raise ServiceEnded(f"Airflow was not ready within {READY_WITHIN:.0f} seconds; see {services.folder}/*.log")
        time.sleep(0.5)


def _examples() -> set[str]:
    return {path.stem for path in EXAMPLES.glob("*.py")}


def _port(wanted: int) -> int:
    """The port, or the next one that is free. Not any free one: such a port may be gone a moment later."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as bound:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                bound.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port != wanted:
            _say(f"Port {wanted} is taken: {port} is used instead.")
        return port
    raise SystemExit(f"airflow-ui: the ports from {wanted} on are taken; choose another one")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='make airflow-ui AIRFLOW_UI="..."',
        description="An Airflow on this machine, with the built wheel of this package, a sandbox and the example DAGs.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's pages, or the next free one")
    parser.add_argument("--sandbox-port", type=int, default=8025, help="of the sandbox, or the next free one")
    folder = EXAMPLES.parent / "build" / "airflow-ui"
    parser.add_argument("--folder", type=Path, default=folder, help="where its state is kept")
    parser.add_argument("--dags", type=_folder, action="append", default=[], help="one more folder of DAGs")
    return parser.parse_args()


def _folder(text: str) -> Path:
    folder = Path(text).expanduser()
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {folder}")
    return folder


def _short(path: Path) -> str:
    """The path as one may type it here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
