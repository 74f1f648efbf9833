# SPDX-License-Identifier: Apache-2.0
"""The page's application, made when the first request comes in: only the API server ever needs it."""

from __future__ import annotations

from typing import Any


class LazyApp:
    """An ASGI application that imports the real one when it is called."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        if self._app is None:
            from airflow_provider_uspeedo.plugin.page_app import make_app

            self._app = make_app()
        await self._app(scope, receive, send)
