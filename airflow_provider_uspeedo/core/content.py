# SPDX-License-Identifier: Apache-2.0
"""What one request carries: groups of targets, each group with one template and one sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """One message to one phone. Its ``repr`` shows nothing of the person.

    :param phone: ``(country code)number``, digits only inside, such as ``(852)55311111``.
    :param template_params: one text per variable of the template, in order; empty for a template without any.
    :param user_id: the caller's own mark, at most 32 characters, echoed in failures and receipts; or ``""``.
    :param extend_code: digits, or ``""``.
    """

    phone: str = field(repr=False)
    template_params: Sequence[str] = field(default=(), repr=False)
    user_id: str = field(default="", repr=False)
    extend_code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TaskContent:
    """The targets of one request that share a template and a sender.

    :param sender_id: at most 11 characters, or ``""`` for none.
    """

    template_id: str
    sender_id: str
    targets: Sequence[Target] = field(repr=False)
