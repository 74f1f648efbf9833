# SPDX-License-Identifier: Apache-2.0
"""What is asked of a running Airflow before a person is: whether it is there, and to make connections."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
"""What must be healthy, as Airflow's API calls it."""
ABSENT = 404


@dataclass(frozen=True)
class AirflowApi:
    """Airflow's API, called as one of its users.

    :param url: of its pages, on this machine.
    """

    url: str
    user: str
    password: str = field(repr=False)

    def is_healthy(self) -> bool:
        """True once all parts have reported; false also while nobody answers."""
        try:
            health = self.call("GET", "monitor/health")
        except (OSError, ValueError):
            return False
        return all((health.get(part) or {}).get("status") == "healthy" for part in PARTS)

    def dag_ids(self) -> set[str]:
        """The DAGs that Airflow has read by now."""
        return {dag["dag_id"] for dag in self.call("GET", "dags?limit=100")["dags"]}

    def set_connection(self, about: dict[str, Any]) -> None:
        """Makes a connection, or makes it as it should be."""
        self._set("connections", about["connection_id"], about)

    def set_pool(self, name: str, slots: int) -> None:
        """Makes a pool, or makes it as it should be."""
        self._set("pools", name, {"name": name, "slots": slots, "include_deferred": False})

    def set_variable(self, name: str, value: str) -> None:
        """Makes a variable, or makes it as it should be."""
        self._set("variables", name, {"key": name, "value": value})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Calls the API.

        :param path: below ``/api/v2/``.
        :raises urllib.error.HTTPError: it refused, or the server is not ready.
        :raises OSError: nobody answered.
        """
        return _ask(f"{self.url}/api/v2/{path}", method, body, {"Authorization": f"Bearer {self._token}"})

    @cached_property
    def _token(self) -> str:
        body = {"username": self.user, "password": self.password}
        return str(_ask(f"{self.url}/auth/token", "POST", body, {})["access_token"])

    def _set(self, kind: str, name: str, body: dict[str, Any]) -> None:
        try:
            self.call("PATCH", f"{kind}/{name}", body)
        except urllib.error.HTTPError as error:
            if error.code != ABSENT:
                raise
            self.call("POST", kind, body)


def _ask(url: str, method: str, body: Any, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - an address of our own, on this machine
        url, data, {"Content-Type": "application/json", **headers}, method=method
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=30) as answer:
        return json.load(answer)
