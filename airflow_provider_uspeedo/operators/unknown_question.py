# SPDX-License-Identifier: Apache-2.0
"""What a person is asked about unknown outcomes, and what the answer means. No text here holds a phone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_uspeedo.core.masking import mask_digits
from airflow_provider_uspeedo.core.plan_markdown import escaped
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.reports import UnknownRequest

ALL_SENT, ALL_NOT_SENT, LEAVE_ALL = "All sent", "All not sent", "Leave all unknown"
MAX_SINGLE = 20
"""Requests that can be answered one by one; of more, only all together."""
MAX_TEXT = 70
"""Characters of a text from elsewhere: all of the question fits 64 KB, as much as Airflow keeps on MySQL."""
MIN_DIGITS = 8
"""Digits of a request's id in an option, as many as the command takes for the whole."""
ASKED_AGAIN = "Clear this task to be asked again."

WHY = "The answer of USpeedo's API was lost, or says nothing of them. Nothing is sent to them again unless you say so."
WHAT_TO_ASK = (
    "**Ask USpeedo** what became of each request: its support by the RequestUuid, the receipts by the SessionNo. With "
    "neither, look in USpeedo's console for messages of that minute with this campaign's template; if it lists none an "
    "hour later, they were hardly sent."
)

_ROW = re.compile(r"^\| \d+ \| ([0-9a-f]{32}) \| [^|]* \| ([\d,]+) \|", re.MULTILINE)
"""The id and the recipients of a request in the table."""


@dataclass(frozen=True, slots=True)
class ShownRequest:
    """A request as a person was shown it: that much and no more is decided.

    :param id: ours, 32 hexadecimal digits.
    :param recipients: how many of its recipients were unknown.
    """

    id: str
    recipients: int


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person said of the requests shown.

    :param sent: the requests whose recipients were sent to.
    :param not_sent: those whose recipients were not.
    :param left: those of which nothing was said.
    """

    sent: tuple[ShownRequest, ...]
    not_sent: tuple[ShownRequest, ...]
    left: tuple[ShownRequest, ...]


@dataclass(frozen=True, slots=True)
class UnknownQuestion:
    """The question about some requests, in the order in which they are shown."""

    requests: tuple[ShownRequest, ...]

    @classmethod
    def about(cls, requests: Sequence[UnknownRequest]) -> Self:
        return cls(tuple(ShownRequest(one.id, one.recipients) for one in requests))

    def to_json(self) -> list[list[Any]]:
        """What Airflow keeps while the task waits: ``[id, recipients]`` of each request."""
        return [[one.id, one.recipients] for one in self.requests]

    @classmethod
    def from_json(cls, kept: Sequence[Sequence[Any]]) -> Self:
        return cls(tuple(ShownRequest(str(name), int(recipients)) for name, recipients in kept))

    @classmethod
    def in_body(cls, text: str) -> Self:
        """The question that :func:`body` wrote, read back from its table; without requests if there is none."""
        return cls(tuple(ShownRequest(row[1], int(row[2].replace(",", ""))) for row in _ROW.finditer(text)))

    def unchanged(self, now: UnknownQuestion) -> Self:
        """The requests of this question that another one has with the same number of recipients."""
        return type(self)(tuple(one for one in self.requests if one in now.requests))

    @property
    def recipients(self) -> int:
        return sum(one.recipients for one in self.requests)

    @property
    def single(self) -> bool:
        """True if requests can also be answered one by one: an answer then is a list of options, else one option."""
        return 1 < len(self.requests) <= MAX_SINGLE

    @property
    def options(self) -> list[str]:
        """What can be chosen; up to four of them Airflow shows as buttons."""
        options = [ALL_SENT, ALL_NOT_SENT, LEAVE_ALL]
        if self.single:
            options += [option for pair in self._options_of_requests() for option in pair]
        return options

    def read(self, chosen: Sequence[str]) -> Answers:
        """What was said of each request.

        :param chosen: options.
        :raises ConfigurationError: nothing was chosen, an option is none of these, or two contradict each other.
        """
        if not chosen:
            raise ConfigurationError(f"Nothing was chosen, and nothing was recorded. {ASKED_AGAIN}")
        if set(chosen) - set(self.options):
            raise ConfigurationError(
                f"The answer has options that were not shown, and nothing was recorded: was this package upgraded "
                f"while the task waited? {ASKED_AGAIN}"
            )
        whole = {option for option in chosen if option in (ALL_SENT, ALL_NOT_SENT, LEAVE_ALL)}
        if whole and len(set(chosen)) > 1:
            named = ", ".join(f"'{option}'" for option in sorted(whole))
            raise ConfigurationError(
                f"The answer contradicts itself, and nothing was recorded: {named} is about every request, and "
                f"something else was chosen, too. {ASKED_AGAIN}"
            )
        if whole:
            return self._answered_as_a_whole(whole.pop())
        return self._answered_singly(set(chosen))

    def _answered_as_a_whole(self, option: str) -> Answers:
        return Answers(
            sent=self.requests if option == ALL_SENT else (),
            not_sent=self.requests if option == ALL_NOT_SENT else (),
            left=self.requests if option == LEAVE_ALL else (),
        )

    def _answered_singly(self, chosen: set[str]) -> Answers:
        sent: list[ShownRequest] = []
        not_sent: list[ShownRequest] = []
        left: list[ShownRequest] = []
        for request, (as_sent, as_not_sent) in zip(self.requests, self._options_of_requests(), strict=True):
            if {as_sent, as_not_sent} <= chosen:
                raise ConfigurationError(
                    f"The answer contradicts itself, and nothing was recorded: request {request.id} was called both "
                    f"sent and not sent. {ASKED_AGAIN}"
                )
            (sent if as_sent in chosen else not_sent if as_not_sent in chosen else left).append(request)
        return Answers(tuple(sent), tuple(not_sent), tuple(left))

    def _options_of_requests(self) -> list[tuple[str, str]]:
        """*Sent* and *not sent* of each request.

        With its number in the table, since ids of the same minute begin alike, and as many digits of its id as tell it
        from the others.
        """
        digits = MIN_DIGITS
        while len({one.id[:digits] for one in self.requests}) < len(self.requests):
            digits += 1
        named = [
            f"request {number}, {one.id[:digits]} ({counted(one.recipients, 'recipient')})"
            for number, one in enumerate(self.requests, 1)
        ]
        return [(f"Sent: {name}", f"Not sent: {name}") for name in named]


def subject(campaign_id: str, question: UnknownQuestion) -> str:
    """The headline."""
    return f"Were {counted(question.recipients, 'recipient')} of campaign {campaign_id!r} sent an SMS?"


def body(campaign_id: str, requests: Sequence[UnknownRequest], recipients: int) -> str:
    """The question as Markdown: which requests, what to ask the vendor, and what each answer does.

    :param requests: those that are asked about, the oldest first.
    :param recipients: all unknown recipients of the campaign; more than the requests hold if there are others.
    """
    question = UnknownQuestion.about(requests)
    people, campaign = counted(question.recipients, "recipient"), escaped(campaign_id)
    parts = (
        f"**{people} of campaign {campaign} may or may not have been sent a message.** {WHY}",
        _table(requests),
        _remarks(question, requests, recipients),
        WHAT_TO_ASK,
        _effects(question),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(requests: Sequence[UnknownRequest]) -> str:
    lines = [
        "| No. | Request | Left (UTC) | Recipients | RequestUuid | SessionNo | What is known |",
        "| ---: | --- | --- | ---: | --- | --- | --- |",
    ]
    for number, one in enumerate(requests, 1):
        left = f"{one.sent_at:%Y-%m-%d %H:%M:%S}" if one.sent_at else "not known"
        known = "in flight: no answer was recorded" if one.in_flight else one.reason or "its answer does not say"
        cells = (
            str(number), one.id, left, f"{one.recipients:,}", escaped((one.request_id or "none")[:MAX_TEXT]),
            escaped((one.session_no or "none")[:MAX_TEXT]), _text(known),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _remarks(question: UnknownQuestion, requests: Sequence[UnknownRequest], recipients: int) -> str:
    said = []
    if any(one.in_flight for one in requests):
        said.append(
            "An answer to a request *in flight* may still come: make sure that no task of this campaign runs. In the "
            "five minutes after it left, *not sent* is refused for it."
        )
    if others := recipients - question.recipients:
        said.append(
            f"{counted(others, 'recipient')} more of the campaign are unknown: clear this task afterwards to be asked "
            "about them."
        )
    return " ".join(said)


def _effects(question: UnknownQuestion) -> str:
    lines = [
        "- **sent**: they count as accepted, and are never sent to again.",
        "- **not sent**: the next attempt sends to them. **Who was sent a message after all gets it twice.**",
        "- **leave**: nothing is recorded, they stay unknown, and this task fails.",
    ]
    if question.single:
        lines.append("- Choose one option for all, or one for each request; requests without one are left.")
    return "\n".join(lines)


def _text(text: str) -> str:
    """A text from elsewhere: without runs of digits that may be a phone, on one line, as Markdown shows it."""
    return escaped(mask_digits(text)[:MAX_TEXT])


__all__ = [
    "ALL_NOT_SENT",
    "ALL_SENT",
    "LEAVE_ALL",
    "MAX_SINGLE",
    "Answers",
    "ShownRequest",
    "UnknownQuestion",
    "body",
    "subject",
]
