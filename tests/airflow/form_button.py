# SPDX-License-Identifier: Apache-2.0
"""Saves a connection as the form does and presses its button *Test*, through Airflow's own API; prints the answer.

Usage: ``python -m tests.airflow.form_button HOST PORT EXTRA``; an empty port is left out, as the form does.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] = "True"


def press(host: str, port: str, extra: str) -> dict[str, Any]:
    """The answer to the button."""
    from airflow.api_fastapi.app import create_app
    from starlette.testclient import TestClient

    with TestClient(create_app(), base_url="http://testserver") as client:
        token = client.get("/auth/token").json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        about: dict[str, Any] = {
            "connection_id": "from_form", "conn_type": "uspeedo", "host": host, "login": "sandbox",
            "password": os.environ["SECRET"], "extra": extra,
        }  # fmt: skip
        client.delete("/api/v2/connections/from_form", headers=headers)
        saved = client.post(
            "/api/v2/connections", json=about | ({"port": int(port)} if port else {}), headers=headers
        ).json()
        shown = {name: saved[name] or "" for name in ("host", "login", "schema", "description")}
        button = {
            "connection_id": "from_form", "conn_type": "uspeedo", **shown, "password": saved["password"] or "",
            "extra": saved["extra"], "port": saved["port"] or 0,
        }  # fmt: skip
        answer = client.post("/api/v2/connections/test", json=button, headers=headers)
        return {"code": answer.status_code, **answer.json()}


if __name__ == "__main__":
    print(json.dumps(press(*sys.argv[1:])))
