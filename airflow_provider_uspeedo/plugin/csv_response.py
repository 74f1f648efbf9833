# SPDX-License-Identifier: Apache-2.0
"""Sends lines of CSV as the ledger gives them, and ends for a browser that does not take them.

While they are sent a transaction of the ledger is open: on SQLite the write-ahead log grows for as long. Threads of the
page's own read the ledger, so that a database that hangs takes none of those that Airflow needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import suppress
from typing import Any

from starlette.responses import StreamingResponse

from airflow_provider_uspeedo.errors import LedgerUnavailable
from airflow_provider_uspeedo.plugin.page_ledger import in_background, in_thread

MAX_AT_ONCE = 4
"""Exports of one API server: each holds a connection to the ledger's database."""
PORTION_SECONDS = 60.0
"""For the database to give the next rows, and for the browser to take them."""
_open: set[int] = set()
"""Those that are being sent."""


class CsvResponse(StreamingResponse):
    """One file that is made while it is sent. One that could not be made to its end is broken off, never cut short."""

    @classmethod
    async def of(cls, parts: Generator[str, None, None], headers: Mapping[str, str]) -> CsvResponse:
        """The response; the first part is read before, so that a ledger that is away is an error.

        :raises LedgerUnavailable: too many exports are being sent, or the database does not answer.
        """
        if len(_open) >= MAX_AT_ONCE:
            raise LedgerUnavailable(
                f"{len(_open)} exports are being sent by this API server, and there may not be more at a time. Try "
                "again later, or let a task export: ExportSMSResultsOperator."
            )
        _open.add(id(parts))
        try:
            first = await in_thread(next, parts, "", seconds=PORTION_SECONDS)
        except BaseException:
            _open.discard(id(parts))
            raise
        made = cls(_sent(first, parts), media_type="text/csv; charset=utf-8", headers=dict(headers))
        made._parts = parts
        return made

    _parts: Generator[str, None, None]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends it; however that ends, the transaction ends, too."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            _open.discard(id(self._parts))
            in_background(_close, self._parts)

    async def stream_response(self, send: Any) -> None:
        """Sends it, as long as the browser takes it."""

        async def send_soon(message: Any) -> None:
            try:
                await asyncio.wait_for(send(message), PORTION_SECONDS)
            except asyncio.TimeoutError:  # noqa: UP041 - another class on Python 3.10
                raise LedgerUnavailable("The browser took no part of the export for a minute: it was ended.") from None

        await super().stream_response(send_soon)


async def _sent(part: str, parts: Generator[str, None, None]) -> AsyncIterator[str]:
    while part:
        yield part
        part = await in_thread(next, parts, "", seconds=PORTION_SECONDS)


def _close(parts: Generator[str, None, None]) -> None:
    with suppress(ValueError):  # a thread still waits for the database within it; the transaction ends with that
        parts.close()
