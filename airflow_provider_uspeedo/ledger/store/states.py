# SPDX-License-Identifier: Apache-2.0
"""The states of a request, which never go back.

::

    claimed ──> sending ──> settled | released | unknown
    unknown ──> settled | released
    claimed | released ──> superseded
"""

from __future__ import annotations

from enum import StrEnum


class RequestState(StrEnum):
    """What is certain about one request."""

    CLAIMED = "claimed"
    """Its recipients are its own; nothing has left."""
    SENDING = "sending"
    """It may be on its way: committed before the first byte leaves."""
    SETTLED = "settled"
    """Answered for each of its recipients."""
    RELEASED = "released"
    """It surely reached no recipient; its recipients may be sent again."""
    UNKNOWN = "unknown"
    """It may have arrived, and no answer is recorded."""
    SUPERSEDED = "superseded"
    """A later attempt has taken it over before it was sent."""


MAY_BE_TAKEN = (RequestState.CLAIMED, RequestState.RELEASED)
"""A later attempt may take such a request over, by making it *superseded*."""
MAY_HAVE_ARRIVED = (RequestState.SENDING, RequestState.SETTLED, RequestState.UNKNOWN)
"""The recipients of such a request are never sent again by themselves."""
