# SPDX-License-Identifier: Apache-2.0
"""People with the roles of Airflow's simple auth manager, and a browser for each."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from typing import Any

ROLES = {"vera": "viewer", "ulf": "user", "olga": "op", "adam": "admin"}
NAMES = {role: name for name, role in ROLES.items()}
ORIGIN = "http://testserver"


class Browser:
    """What a person sees; requests carry Airflow's cookie, and what a browser says of their origin."""

    def __init__(self, server: Any, role: str) -> None:
        from starlette.testclient import TestClient

        self.client = TestClient(server, base_url=ORIGIN, raise_server_exceptions=False)
        if role != "nobody":
            self.client.cookies.set("_token", token_of(role))

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers, follow_redirects=False)

    def counted(self, path: str) -> Any:
        """The page of a campaign once its rows are counted: that is done in the background."""
        for _ in range(1_200):
            answer = self.get(path)
            if "Being counted" not in answer.text:
                return answer
            time.sleep(0.05)
        raise AssertionError("not counted within a minute")

    def post(self, path: str, fields: dict[str, Any] | None = None, *, token: str | None = None, **headers: str) -> Any:
        """Sends a form, with the token of the page that it is on, or another one."""
        sent = {"token": self.token() if token is None else token, **(fields or {})}
        return self.client.post(
            path, data=sent, headers={"sec-fetch-site": "same-origin", **headers}, follow_redirects=False
        )

    def token(self) -> str:
        found = re.search(r'name="token" value="(\w+)"', self.get("/uspeedo/").text)
        return found[1] if found else ""


def token_of(role: str) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username=NAMES[role], role=role.upper())
    return str(get_auth_manager().generate_jwt(user))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


def text_of(answer: Any) -> str:
    """What a person reads on a page."""
    reader = _Text()
    reader.feed(answer.text)
    return " ".join(" ".join(reader.parts).split())
