# SPDX-License-Identifier: Apache-2.0
"""The templates that the sandbox knows: some built in, more on request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .refusals import NOT_FOUND, Refusal

PENDING, UNDER_REVIEW, APPROVED, FAILED_REVIEW, DISABLED = range(5)
VERIFICATION, NOTIFICATION, PROMOTION = 1, 2, 3
TEXT_LENGTH = 500
"""Characters that a text may have at most, before and after its variables are filled in."""

_VARIABLE = re.compile(r"\{(\d+)\}")


@dataclass(frozen=True, slots=True)
class SandboxTemplate:
    """A text with variables ``{1}``, ``{2}``, ...

    :param text: ``None`` for a template of which only the id is known (``any_template``).
    """

    template_id: str
    text: str | None
    purpose: int = NOTIFICATION
    status: int = APPROVED

    def __post_init__(self) -> None:
        if not self.template_id:
            raise ValueError("a template needs an id")
        if self.text is not None:
            _check_text(self.text)

    @property
    def variables(self) -> int | None:
        """How many parameters it takes; ``None`` if any number will do."""
        return None if self.text is None else len(set(_VARIABLE.findall(self.text)))

    def fill(self, params: Sequence[str]) -> str:
        """Return the filled-in text; there must be one parameter per variable."""
        if self.text is None:
            return " ".join(params)
        pieces = list(_pieces(self.text))
        pieces[1::2] = [params[int(number) - 1] for number in pieces[1::2]]
        return "".join(pieces)

    def as_answer(self) -> dict[str, object]:
        """Return the fields of ``QueryUSMSTemplate``; a text that is not known is left out."""
        answer: dict[str, object] = {
            "TemplateId": self.template_id,
            "TemplateName": self.template_id.removeprefix("UTA_").lower(),
            "Purpose": self.purpose,
            "Status": self.status,
            "Remark": "",
            "ErrDesc": "",
            "CreateTime": 1_700_000_000,
            "Instruction": "",
        }
        return answer if self.text is None else {**answer, "Template": self.text}


def _check_text(text: str) -> None:
    numbers = sorted({int(number) for number in _VARIABLE.findall(text)})
    if numbers != list(range(1, len(numbers) + 1)):
        raise ValueError("the variables of a template must be {1}, {2}, ... without a gap")
    if not text or len(text) > TEXT_LENGTH:
        raise ValueError(f"the text of a template must have 1 to {TEXT_LENGTH} characters")


@lru_cache(maxsize=256)
def _pieces(text: str) -> tuple[str, ...]:
    """Return the text cut at its variables: literal, number, literal, number, ..., literal."""
    return tuple(_VARIABLE.split(text))


BUILT_IN = (
    SandboxTemplate("UTA_PLAIN", "The library opens at nine tomorrow."),
    SandboxTemplate("UTA_CODE", "Your code is {1}. It is valid for 10 minutes.", VERIFICATION),
    SandboxTemplate("UTA_REMINDER", "Dear {1}, your invoice of {2} is due this week."),
    SandboxTemplate("UTA_PROMO", "Hi {1}, {2} off until {3}. Reply STOP to opt out.", PROMOTION),
    SandboxTemplate("UTA_PENDING", "Dear {1}, this text waits for review.", NOTIFICATION, PENDING),
    SandboxTemplate("UTA_DISABLED", "Dear {1}, this text was switched off.", NOTIFICATION, DISABLED),
)


class TemplateStore:
    """All templates by id."""

    def __init__(self, more: Iterable[tuple[str, str]] = (), *, any_template: bool = False) -> None:
        self._templates = {template.template_id: template for template in BUILT_IN}
        self._any = any_template
        for template_id, text in more:
            self.add(SandboxTemplate(template_id, text))

    def add(self, template: SandboxTemplate) -> None:
        """Add a template, or replace the one with the same id."""
        self._templates[template.template_id] = template

    def find(self, template_id: str) -> SandboxTemplate | None:
        """Return the template with this id, or ``None``."""
        found = self._templates.get(template_id)
        return SandboxTemplate(template_id, None) if found is None and self._any and template_id else found

    def approved(self, template_id: str, where: str) -> SandboxTemplate:
        """Return a template that may be sent.

        :param where: the path of the id in the request, for the refusal.
        :raises Refusal: when there is none with this id, or it is not approved.
        """
        template = self.find(template_id)
        if template is None:
            raise Refusal(NOT_FOUND, f"Params [{where}] template not found")
        if template.status != APPROVED:
            raise Refusal(NOT_FOUND, f"Params [{where}] template is not approved (status {template.status})")
        return template

    def __iter__(self) -> Iterator[SandboxTemplate]:
        return iter(self._templates.values())
