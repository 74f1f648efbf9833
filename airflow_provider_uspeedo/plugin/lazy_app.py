# SPDX-License-Identifier: Apache-2.0
"""The page's application, made when the first request comes in: only the API server ever needs it."""

from __future__ import annotations

import asyncio
from typing import Any


class LazyApp:
    """An ASGI application that imports the real one when it is called."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        if self._app is None:  # in a thread: half a second of imports, for which Airflow's other pages need not wait
            self._app = await asyncio.get_running_loop().run_in_executor(None, _make_app)
        await self._app(scope, receive, send)


def _make_app() -> Any:
    from airflow_provider_uspeedo.plugin.page_app import make_app

    return make_app()
