# SPDX-License-Identifier: Apache-2.0
"""The state of one running sandbox. Only its event loop changes it, so nothing is locked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .authentication import Authenticator
from .faults import FaultQueue
from .inbox import Inbox
from .journal import Journal
from .receipt_store import Receipts
from .settings import Settings
from .template_store import TemplateStore


@dataclass(slots=True)
class State:
    """The parts of one sandbox."""

    settings: Settings
    authenticator: Authenticator
    templates: TemplateStore
    journal: Journal
    receipts: Receipts
    inbox: Inbox
    faults: FaultQueue = field(default_factory=FaultQueue)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def from_settings(cls, settings: Settings) -> State:
        """Return the state of a new sandbox.

        :raises OSError: when the journal cannot be opened.
        :raises ValueError: when a template is not well-formed.
        """
        return cls(
            settings=settings,
            authenticator=Authenticator(settings.access_key_id, settings.access_key_secret),
            templates=TemplateStore(settings.templates, any_template=settings.any_template),
            journal=Journal(settings.journal),
            receipts=Receipts(settings.receipt_delay, settings.receipts_kept),
            inbox=Inbox.of(settings.inbox_kept, settings.requests_kept),
        )
