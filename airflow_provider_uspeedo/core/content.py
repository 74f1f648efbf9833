# SPDX-License-Identifier: Apache-2.0
"""The content of one request: groups of targets, each group with one template and one sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, cast


class Named(Protocol):
    """A recipient that an answer can name: by its phone, or by the user id that was sent with it."""

    @property
    def phone(self) -> str: ...
    @property
    def user_id(self) -> str: ...


class Addressee(Named, Protocol):
    """A recipient of one message: a :class:`Target` or a :class:`~.recipients.Recipient`."""

    @property
    def params(self) -> Sequence[str]: ...
    @property
    def extend_code(self) -> str: ...


class ByColumn(Protocol):
    """Addressees that are kept by column: :class:`~.recipient_batch.RecipientBatch`."""

    def column(self, name: str) -> Any: ...
    def texts(self, name: str) -> list[str]: ...


def by_column(targets: Sequence[Addressee]) -> ByColumn | None:
    """Returns the targets if they are kept by column, else ``None``; does not load Arrow."""
    return cast("ByColumn", targets) if hasattr(targets, "column") else None


class Target(NamedTuple):
    """One message to one phone. Its ``repr`` shows nothing of the recipient.

    :param phone: ``(country code)number``, digits only inside, such as ``(852)55311111``.
    :param template_params: one text per variable of the template, in order; empty for a template without any.
    :param user_id: the caller's own id of the recipient, at most 32 characters, echoed in failures and receipts;
        or ``""``.
    :param extend_code: digits, or ``""``.
    """

    phone: str
    template_params: Sequence[str] = ()
    user_id: str = ""
    extend_code: str = ""

    @property
    def params(self) -> Sequence[str]:
        """``template_params``, under the name that a recipient has for them."""
        return self.template_params

    def __repr__(self) -> str:
        return "Target()"


@dataclass(frozen=True, slots=True)
class TaskContent:
    """The targets of one request that share a template and a sender.

    :param sender_id: at most 11 characters, or ``""`` for none.
    """

    template_id: str
    sender_id: str
    targets: Sequence[Addressee] = field(repr=False)
