# SPDX-License-Identifier: Apache-2.0
"""The settings with which a sandbox starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one sandbox; each has a working default.

    :param account_id: the only ``AccountId`` that generation A accepts, or ``None`` for any.
    :param receipt_delay: seconds from acceptance to the final receipt.
    :param templates: more templates as (id, text); one with the id of a built-in template replaces it.
    :param any_template: accept unknown template ids with any number of parameters.
    :param journal: file to append accepted numbers to; ``None`` for a temporary one.
    :param inbox: keep texts and serve the pages.
    :param inbox_kept: number of newest messages that the inbox keeps.
    :param requests_kept: number of newest requests that the requests page keeps.
    :param receipts_kept: number of newest messages whose receipts can be asked for.
    """

    access_key_id: str = "sandbox"
    access_key_secret: str = field(default="sandbox-secret", repr=False)
    account_id: int | None = None
    receipt_delay: float = 3.0
    templates: tuple[tuple[str, str], ...] = ()
    any_template: bool = False
    journal: Path | None = None
    inbox: bool = True
    inbox_kept: int = 10_000
    requests_kept: int = 1_000
    receipts_kept: int = 200_000
