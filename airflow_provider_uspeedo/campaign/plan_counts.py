# SPDX-License-Identifier: Apache-2.0
"""Counts what a campaign would send, by country, template and sender, and what it would not, a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from airflow_provider_uspeedo.core.arrays import numbers_of
from airflow_provider_uspeedo.core.bad_rows import BadRows
from airflow_provider_uspeedo.core.masking import hide_digits, mask_digits, mask_phone
from airflow_provider_uspeedo.core.phone_countries import NO_COUNTRY, countries_of_phones
from airflow_provider_uspeedo.core.plan import UNKNOWN_COUNTRY, rule_of
from airflow_provider_uspeedo.core.recipient_batch import RecipientBatch
from airflow_provider_uspeedo.core.recipients import Recipient
from airflow_provider_uspeedo.core.segments import count_segments
from airflow_provider_uspeedo.core.statuses import Status
from airflow_provider_uspeedo.core.template_text import TemplateText

MAX_GROUPS = 10_000
"""Different combinations of template, sender and country that are counted apart."""
MAX_REASONS = 1_000
"""Different reasons that are counted apart."""
MAX_CHARACTERS = 500
"""Characters that USpeedo takes in one text."""
SAMPLES = 3
MAX_SAMPLE_CHARACTERS = 1_000
_MAX_DOTS = 12
_DOT = "•"
_SAME_RECIPIENT = "same recipient as another row"
OTHER_REASONS = "other reasons"


class PlanGroup(NamedTuple):
    """Recipients that are counted together.

    :param template_id: ``None``, as the sender, for those beyond :data:`MAX_GROUPS`.
    """

    template_id: str | None
    sender_id: str | None
    country: str


@dataclass(slots=True)
class PlanCount:
    """What is known of some recipients.

    :param segments: of those whose template's text is known.
    :param without_text: recipients whose template's text is not known.
    """

    recipients: int = 0
    segments: int = 0
    without_text: int = 0

    def add(self, other: PlanCount) -> None:
        """Counts the recipients of another group, too."""
        self.recipients += other.recipients
        self.segments += other.segments
        self.without_text += other.without_text


class PlanCounts:
    """Counts over the rows of one reading.

    :param texts: template -> its text; ``None``, or no entry, where it is not known.
    """

    def __init__(self, texts: Mapping[str, TemplateText | None]) -> None:
        self._texts = texts
        self.groups: dict[PlanGroup, PlanCount] = {}
        self.excluded: Counter[tuple[str, str]] = Counter()
        """Rule and reason -> rows."""
        self.culprits: Counter[int] = Counter()
        """Code point of the first character that made a text UCS-2 -> texts."""
        self.too_long = 0
        """Texts of more than :data:`MAX_CHARACTERS`."""
        self.without_text: Counter[str] = Counter()
        """Template whose text is not known -> recipients."""
        self._firsts: list[tuple[int, str]] = []
        self._first_of_template: dict[str, tuple[int, str]] = {}
        self._first_unicode: tuple[int, str] | None = None
        self._longest: tuple[int, tuple[int, str]] | None = None

    # -- those who would be sent to -----------------------------------------------------------------------------

    def note(self, recipients: RecipientBatch) -> None:
        """Counts some recipients who would be sent to."""
        if not len(recipients):
            return
        segments, known = np.zeros(len(recipients), np.int64), np.zeros(len(recipients), bool)
        templates = recipients.column("template_id")
        which = numbers_of(templates.indices)
        for place, template in enumerate(templates.dictionary.to_pylist()):
            mask = which == place
            if not mask.any():
                continue
            text = self._texts.get(template)
            if text is None:
                self.without_text[template] += int(mask.sum())
            else:
                known |= mask
                segments[mask] = self._measure(recipients.only(mask), template, text)
        self._group(recipients, segments, known)

    def _measure(self, recipients: RecipientBatch, template: str, text: TemplateText) -> np.ndarray[Any, Any]:
        """The segments of recipients of one template."""
        found = count_segments(text.fill_all(recipients.column("params")))
        self.too_long += int((found.characters > MAX_CHARACTERS).sum())
        points, rows = np.unique(found.culprits[found.unicode], return_counts=True)
        self.culprits.update(dict(zip(points.tolist(), rows.tolist(), strict=True)))

        def sample(place: int) -> tuple[int, str]:
            return _sample(recipients[place], text)

        while len(self._firsts) < min(SAMPLES, len(recipients)):
            self._firsts.append(sample(len(self._firsts)))
        if len(self._first_of_template) < SAMPLES and template not in self._first_of_template:
            self._first_of_template[template] = sample(0)
        if self._first_unicode is None and found.unicode.any():
            self._first_unicode = sample(int(found.unicode.argmax()))
        longest = int(found.segments.argmax())
        if self._longest is None or found.segments[longest] > self._longest[0]:
            self._longest = int(found.segments[longest]), sample(longest)
        return found.segments

    def _group(self, recipients: RecipientBatch, segments: np.ndarray[Any, Any], known: np.ndarray[Any, Any]) -> None:
        columns = [
            recipients.column("template_id"),
            recipients.column("sender_id"),
            countries_of_phones(recipients.column("phone")),
        ]
        codes = np.zeros(len(recipients), np.int64)
        for column in columns:
            codes = codes * len(column.dictionary) + numbers_of(column.indices)
        different, first, which = np.unique(codes, return_index=True, return_inverse=True)
        counts = [
            np.bincount(which, weights, len(different)).astype(np.int64).tolist()
            for weights in (None, segments, ~known)
        ]
        for place, *numbers in zip(first.tolist(), *counts, strict=True):
            template, sender, country = (str(column[place].as_py()) for column in columns)
            self._add(
                PlanGroup(template, sender, country if country != NO_COUNTRY else UNKNOWN_COUNTRY), PlanCount(*numbers)
            )

    def _add(self, group: PlanGroup, some: PlanCount) -> None:
        if group not in self.groups and len(self.groups) >= MAX_GROUPS:
            group = PlanGroup(None, None, group.country)
        self.groups.setdefault(group, PlanCount()).add(some)

    def samples(self) -> list[str]:
        """Up to three texts: the first one, the longest, one of another template, one in UCS-2, else further ones."""
        longest = [self._longest[1]] if self._longest else []
        unicode = [self._first_unicode] if self._first_unicode else []
        ordered = [*self._firsts[:1], *longest, *self._first_of_template.values(), *unicode, *self._firsts]
        return list(dict.fromkeys(text for _, text in dict(ordered).items()))[:SAMPLES]

    # -- rows that would not be sent ----------------------------------------------------------------------------

    def exclude(self, status: str, reason: str, rows: int = 1) -> None:
        """Counts rows that would not be sent.

        :param reason: as the ledger has it; that of the vendor may quote a phone.
        """
        if not rows:
            return
        rule = rule_of(status, reason)
        if status == Status.DUPLICATE:
            reason = _SAME_RECIPIENT
        elif status in (Status.ACCEPTED, Status.UNKNOWN, Status.REJECTED):
            reason = ": ".join(filter(None, (str(status), hide_digits(reason))))
        elif status == Status.INVALID:
            reason = hide_digits(reason)
        if (rule, reason) not in self.excluded and len(self.excluded) >= MAX_REASONS:
            reason = OTHER_REASONS
        self.excluded[rule, reason] += rows

    def exclude_all(self, rows: BadRows) -> None:
        """Counts bad rows."""
        self.exclude(Status.DUPLICATE, "", int(rows.having(Status.DUPLICATE).sum()))
        for status in (Status.INVALID, Status.SUPPRESSED, Status.NOT_SENT):
            for reason, count in rows.reasons(status).items():
                self.exclude(status, reason, count)


def _sample(one: Recipient, text: TemplateText) -> tuple[int, str]:
    """The number of the row, and the text as it would arrive, with dots for its parameters."""
    dots = [_DOT * min(len(param), _MAX_DOTS) for param in one.params]
    shown = TemplateText(mask_digits(text.text)).fill(dots)
    return one.row_number, f"{mask_phone(one.phone)}: {shown}"[:MAX_SAMPLE_CHARACTERS]
