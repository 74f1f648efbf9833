# SPDX-License-Identifier: Apache-2.0
"""Asks for the templates before the first message: approved, and with as many variables as we fill.

The vendor does not promise an answer to this question. No answer is no obstacle: a wrong template is then refused
with the first request as a whole, and nobody is texted either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.errors import CallError, ConfigurationError
from airflow_provider_uspeedo.tables import Table

log = logging.getLogger(__name__)

MAX_TEMPLATES = 1000
"""Different templates in one table."""


def check_templates(
    query: Callable[[Sequence[str]], list[Template]], order: CampaignConfig, table: Table
) -> dict[str, int]:
    """How many variables each template has, as far as the API says.

    :raises ConfigurationError: a template is not approved, or has another number of variables than the columns fill.
    """
    ids = [order.template_id]
    if order.columns.template_id:
        texts = table.distinct(order.columns.template_id, MAX_TEMPLATES)
        ids = sorted({text.strip() for text in texts if text.strip()})
    if not ids:
        return {}
    try:
        templates = query(ids)
    except CallError as error:
        log.warning("The templates could not be checked before sending: %s", error)
        return {}
    for template in templates:
        _check(template, order)
    return {template.template_id: template.variables for template in templates if template.text}


def _check(template: Template, order: CampaignConfig) -> None:
    name, columns = f"Template {template.template_id!r}", order.columns
    if template.status is not None and not template.approved:
        raise ConfigurationError(
            f"{name} is {template.status_name}, not approved: choose an approved one, or wait for its review. Nothing "
            "was sent."
        )
    one_for_all = not (columns.params_list or columns.template_id)
    if template.text and one_for_all and template.variables != len(columns.params):
        raise ConfigurationError(
            f"{name} has {counted(template.variables, 'variable')}, but param_columns names "
            f"{counted(len(columns.params), 'column')}: name one column for each variable, in order. Nothing was sent."
        )
