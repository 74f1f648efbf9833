# SPDX-License-Identifier: Apache-2.0
"""Everything that one running sandbox knows. Only its event loop changes it, so nothing is locked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .authentication import Gate
from .faults import Switchboard
from .inbox import Inbox
from .journal import Journal
from .receipt_store import Receipts
from .settings import Settings
from .template_store import Catalogue


@dataclass(slots=True)
class State:
    """The parts of one sandbox."""

    settings: Settings
    gate: Gate
    catalogue: Catalogue
    journal: Journal
    receipts: Receipts
    inbox: Inbox
    faults: Switchboard = field(default_factory=Switchboard)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def from_settings(cls, settings: Settings) -> State:
        """Return the state of a sandbox that nobody has called yet.

        :raises OSError: when the journal cannot be opened.
        :raises ValueError: when a template is not well-formed.
        """
        return cls(
            settings=settings,
            gate=Gate(settings.access_key_id, settings.access_key_secret),
            catalogue=Catalogue(settings.templates, any_template=settings.any_template),
            journal=Journal(settings.journal),
            receipts=Receipts(settings.receipt_delay, settings.receipts_kept),
            inbox=Inbox.of(settings.inbox_kept, settings.requests_kept),
        )
