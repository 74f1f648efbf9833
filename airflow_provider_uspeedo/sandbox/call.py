# SPDX-License-Identifier: Apache-2.0
"""One call of the API, in either generation."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal

Generation = Literal["A", "B"]
Action = Literal["send", "receipts", "templates"]
ACTIONS: dict[str, Action] = {
    "SendBatchUSMSMessage": "send",
    "GetUSMSSendReceipt": "receipts",
    "QueryUSMSTemplate": "templates",
}
"""The actions by the names that the API gives them."""
NAMES: dict[Action, str] = {action: name for name, action in ACTIONS.items()}


@dataclass(frozen=True, slots=True)
class Call:
    """When a call came in, and by which generation of the API.

    :param time: seconds since the epoch at which the call came in.
    :param request_id: the id that every answer carries.
    """

    generation: Generation
    time: float
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
