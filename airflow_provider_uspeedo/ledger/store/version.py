# SPDX-License-Identifier: Apache-2.0
"""The version of the ledger's tables, and what a migration changed."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = 4
"""A ledger of another version is refused (see :mod:`.migrations`)."""


@dataclass(frozen=True, slots=True)
class Migration:
    """From which version to which a ledger went; equal if it was of the newest already.

    :param created_results: there was no results relation of that name; it was made anew otherwise.
    """

    before: int
    now: int
    created_results: bool = False
