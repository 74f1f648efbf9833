# SPDX-License-Identifier: Apache-2.0
"""Reports an error that nothing was prepared for: where it happened, and not its text, which may quote a phone."""

from __future__ import annotations

import traceback
from typing import Any


def log_unexpected(log: Any, error: BaseException) -> str:
    """Logs the traceback of an error without its text, and returns what to say of it."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("Unexpected %s:\n%s", type(error).__name__, where)
    return f"Unexpected {type(error).__name__}; the log says where."
