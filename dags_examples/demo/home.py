# SPDX-License-Identifier: Apache-2.0
"""An Airflow of the demo's own: its home, its settings, and a DAG run in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

EXAMPLES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class AirflowHome:
    """An AIRFLOW_HOME that is used by nothing else.

    :param folder: the home; made on first use.
    :param log: the file that Airflow's own words go to.
    :param sandbox_url: where the connection ``uspeedo_default`` leads.
    """

    folder: Path
    log: Path
    sandbox_url: str

    def prepare(self) -> None:
        """Makes or updates Airflow's own database.

        :raises AirflowFailed: Airflow did not succeed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._airflow("db", "migrate")

    def run(self, dag_id: str, conf: Mapping[str, Any]) -> None:
        """Runs one of the example DAGs, as its Trigger form would with these values.

        :raises AirflowFailed: the DAG run failed.
        """
        self._airflow("dags", "test", dag_id, "--conf", json.dumps(conf))

    def environment(self) -> dict[str, str]:
        """This process's environment, without the settings of any other Airflow."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        connection = {
            "conn_type": "uspeedo",
            "login": "sandbox",
            "password": "sandbox-secret",
            "host": self.sandbox_url,
        }
        return kept | {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW_CONN_USPEEDO_DEFAULT": json.dumps(connection),
            "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder / 'airflow.db'}",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_PROXY": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }

    def _airflow(self, *arguments: str) -> None:
        with self.log.open("ab") as log:
            code = _finish([sys.executable, "-m", "airflow", *arguments], self.environment(), log)
        if code:
            raise AirflowFailed(f"airflow {' '.join(arguments[:3])} ended with code {code}")


class AirflowFailed(Exception):
    """A command of Airflow did not succeed; its log says why."""


def _finish(command: list[str], environment: Mapping[str, str], log: IO[bytes]) -> int:
    """Runs a command to its end; whatever happens meanwhile, nothing of it stays behind."""
    with subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True) as running:  # noqa: S603 - Airflow, with arguments of our own
        try:
            return running.wait()
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
