# SPDX-License-Identifier: Apache-2.0
"""The folder of this Airflow: its settings, its users, and a lock that one start holds."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent
ROLES = {"admin": "admin", "editor": "op", "viewer": "viewer"}
"""The users, and the role of each in Airflow's simple auth manager."""
LEDGER = "uspeedo_results"
"""The connection of the ledger, which the setting names: the example DAGs leave it to that."""


class InUse(Exception):
    """Another start holds the folder."""


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with everything of this Airflow; deleting it begins anew.

    :param folder: an absolute path; made on first use. It is AIRFLOW_HOME.
    :param port: of Airflow's pages, on 127.0.0.1.
    :param sandbox_port: of the sandbox, on 127.0.0.1.
    :param dags: more folders of DAGs, beside the examples.
    """

    folder: Path
    port: int
    sandbox_port: int
    dags: tuple[Path, ...] = ()

    @property
    def url(self) -> str:
        """Where Airflow's pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Where the sandbox listens, and shows its inbox."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps the folder from a second start while the block runs.

        :raises InUse: somebody else holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # for the passwords, keys and phones in files that Airflow lets everybody read
        with (self.folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(f"{self.folder} is in use by another make airflow-ui: stop that one first") from None
            yield

    def passwords(self) -> dict[str, str]:
        """User to password: made at random at the first start, and kept."""
        if not self._passwords_file.exists():
            made = {user: secrets.token_urlsafe(9) for user in ROLES}
            with os.fdopen(os.open(self._passwords_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                json.dump(made, file)
        found: dict[str, str] = json.loads(self._passwords_file.read_text("utf-8"))
        return found

    def environment(self) -> dict[str, str]:
        """This process's environment, without any other Airflow's settings and any source folder to import from."""
        ours = ("AIRFLOW", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            # On a busy machine a new server takes longer than Airflow's 5 s for the first request: its task would fail.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._passwords_file),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in ROLES.items()),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
                [_bundle(folder) for folder in (EXAMPLES, HERE / "dags", *self.dags)]
            ),
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder / 'airflow.db'}",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__USPEEDO__RESULTS_CONN_ID": LEDGER,
            "NO_PROXY": "127.0.0.1",
            "PYTHONSAFEPATH": "1",  # so that the package comes from the wheel
            "PYTHONUNBUFFERED": "1",
            "SPT_NOENV": "1",  # a process that gives itself a title keeps its environment, by which it is found
            "USPEEDO_PEOPLE": str(self.people),
        }

    @property
    def people(self) -> Path:
        """The table of made-up people."""
        return self.folder / "people.parquet"

    def connections(self) -> list[dict[str, str | int]]:
        """What is ready in *Admin > Connections*, as Airflow's API takes it."""
        return [
            {
                "connection_id": "uspeedo_default",
                "conn_type": "uspeedo",
                "description": "the sandbox on this machine",
                "host": "http://127.0.0.1",
                "port": self.sandbox_port,  # apart from the host: so Airflow's button Test compares it
                "login": "sandbox",
                "password": "sandbox-secret",
            },
            _database(LEDGER, self.folder / "ledger.db", "the ledger of all campaigns"),
            _database("warehouse", self.folder / "warehouse.db", "invoices, for send_from_query"),
        ]

    @property
    def _passwords_file(self) -> Path:
        return self.folder / "passwords.json"


def _bundle(folder: Path) -> dict[str, object]:
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    name = "-".join(folder.parts[-2:])
    return {"name": name, "classpath": classpath, "kwargs": {"path": str(folder), "refresh_interval": 30}}


def _database(name: str, path: Path, description: str) -> dict[str, str | int]:
    return {"connection_id": name, "conn_type": "sqlite", "description": description, "host": str(path)}
