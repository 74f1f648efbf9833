# SPDX-License-Identifier: Apache-2.0
"""A template as the API describes it, read leniently; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from airflow_provider_uspeedo.api import field_names
from airflow_provider_uspeedo.api.response.json_values import listed, moment, text, whole_number
from airflow_provider_uspeedo.core.template_text import TemplateText

APPROVED: Final = 2

STATUS_NAMES: Final = {
    0: "pending",
    1: "under review",
    APPROVED: "approved",
    3: "failed review",
    4: "disabled",
}
PURPOSE_NAMES: Final = {1: "verification", 2: "notification", 3: "promotion"}


@dataclass(frozen=True, slots=True)
class Template:
    """One template.

    :param text: at most 500 characters, with variables ``{1}``, ``{2}``, ...
    :param purpose: a key of :data:`PURPOSE_NAMES`, or ``None``.
    :param status: a key of :data:`STATUS_NAMES`, or ``None``.
    :param created_at: aware UTC time, or ``None``.
    """

    template_id: str
    name: str
    text: str = field(repr=False)
    purpose: int | None
    status: int | None
    remark: str = field(default="", repr=False)
    error: str = field(default="", repr=False)
    instruction: str = field(default="", repr=False)
    created_at: datetime | None = None

    @property
    def variables(self) -> int:
        """How many parameters each message needs: the highest variable, or their number if that is more."""
        return TemplateText(self.text).variables

    @property
    def approved(self) -> bool:
        """Whether messages may be sent with it."""
        return self.status == APPROVED

    @property
    def status_name(self) -> str:
        """The status in words."""
        return "unknown" if self.status is None else STATUS_NAMES.get(self.status, f"status {self.status}")


def read_templates(body: Mapping[str, object]) -> list[Template]:
    """Read the templates in a response: one object or a list of them."""
    return [_template(found) for found in listed(body.get(field_names.DATA)) if isinstance(found, Mapping)]


def _template(fields: Mapping[str, object]) -> Template:
    return Template(
        template_id=text(fields.get(field_names.TEMPLATE_ID)),
        name=text(fields.get(field_names.TEMPLATE_NAME)),
        text=text(fields.get(field_names.TEMPLATE)),
        purpose=whole_number(fields.get(field_names.PURPOSE)),
        status=whole_number(fields.get(field_names.STATUS)),
        remark=text(fields.get(field_names.REMARK)),
        error=text(fields.get(field_names.ERR_DESC)),
        instruction=text(fields.get(field_names.INSTRUCTION)),
        created_at=moment(fields.get(field_names.CREATE_TIME)),
    )
