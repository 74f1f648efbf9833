# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy may log of a ledger's engine: statements, but neither their values nor the rows that they return.

At level DEBUG it logs every row that is fetched, and no option of an engine keeps it from that.
"""

from __future__ import annotations

import logging

LOGGING_NAME = "uspeedo-ledger"
"""The last part of the logger's name, by which this package's engines are known."""


def hide_rows() -> None:
    """Lets the logger of this package's engines pass over what is meant for level DEBUG: rows."""
    log = logging.getLogger(f"sqlalchemy.engine.Engine.{LOGGING_NAME}")
    if _is_no_row not in log.filters:
        log.addFilter(_is_no_row)


def _is_no_row(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
