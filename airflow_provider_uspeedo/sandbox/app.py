# SPDX-License-Identifier: Apache-2.0
"""The sandbox as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette

from . import api, control, pages
from .state import State


def build(state: State) -> Starlette:
    """Return the application: the API, the control interface and, unless switched off, the pages."""
    shown = pages.routes(state) if state.settings.inbox else []
    application = Starlette(routes=[*api.routes(state), *control.routes(state), *shown])
    application.router.redirect_slashes = False
    return application
