# SPDX-License-Identifier: Apache-2.0
"""How a person's decision is kept: as the name of an attempt of its own, for people, and read back from that.

::

    resolve by Dana: 3 recipients not sent, request 01909b8e7c2a4f5d6e7f8091a2b3c4d5
    reopen by Dana: 1,200 recipients rejected, in 2 requests: the sender name is registered now

A decision that came to nothing has a name that ends with the person's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_uspeedo.core.plural import counted

SENT, NOT_SENT, REOPENED = "sent", "not sent", "reopened"
MAX_NAMED = 3
"""Requests that the name of a decision lists by their ids."""

_HEX = r"[0-9a-f]{32}"
_RESOLVED = re.compile(
    rf"resolve by (?P<by>.+): (?P<recipients>[\d,]+) recipients? (?P<outcome>sent|not sent), "
    rf"requests? (?P<ids>{_HEX}(?:, {_HEX})*)(?: and (?P<more>[\d,]+) more)?"
)
_REOPENED = re.compile(
    r"reopen by (?P<by>.+?): (?P<recipients>[\d,]+) recipients? rejected, in (?P<requests>[\d,]+) requests?: "
    r"(?P<reason>.+)"
)


@dataclass(frozen=True, slots=True)
class DecisionName:
    """What the name of a decision says.

    :param outcome: :data:`SENT`, :data:`NOT_SENT` or :data:`REOPENED`.
    :param requests: how many requests held the recipients.
    :param reason: the person's, in one line; ``""``: none was asked for.
    """

    outcome: str
    by: str
    recipients: int
    requests: int
    reason: str = ""


def resolve_name(by: str) -> str:
    """Of a decision on unknown outcomes, before it is known what it comes to."""
    return f"resolve by {by}"


def reopen_name(by: str) -> str:
    """Of a decision on rejected recipients, likewise."""
    return f"reopen by {by}"


def resolved_name(by: str, as_sent: bool, recipients: int, request_ids: Sequence[bytes]) -> str:
    """Of a decision on unknown outcomes, once it is made."""
    named = ", ".join(one.hex() for one in request_ids[:MAX_NAMED])
    more = f" and {len(request_ids) - MAX_NAMED:,} more" if len(request_ids) > MAX_NAMED else ""
    word = "request" if len(request_ids) == 1 else "requests"
    outcome = SENT if as_sent else NOT_SENT
    return f"{resolve_name(by)}: {counted(recipients, 'recipient')} {outcome}, {word} {named}{more}"


def reopened_name(by: str, recipients: int, requests: int, reason: str) -> str:
    """Of a decision on rejected recipients, once it is made."""
    what = f"{counted(recipients, 'recipient')} rejected, in {counted(requests, 'request')}"
    return f"{reopen_name(by)}: {what}: {reason}"


def read_name(name: str) -> DecisionName | None:
    """What the name says; ``None`` if nothing was decided, or it is no decision's."""
    if found := _RESOLVED.fullmatch(name):
        requests = len(found["ids"].split(", ")) + _number(found["more"] or "0")
        return DecisionName(found["outcome"], found["by"], _number(found["recipients"]), requests)
    if found := _REOPENED.fullmatch(name):
        counts = _number(found["recipients"]), _number(found["requests"])
        return DecisionName(REOPENED, found["by"], *counts, found["reason"])
    return None


def _number(text: str) -> int:
    return int(text.replace(",", ""))
