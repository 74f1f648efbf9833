# SPDX-License-Identifier: Apache-2.0
"""Checks the templates before the first message: approved, and with as many variables as the columns fill.

It is also the first call to the API, and so the one that finds out whether there is one: no number of a recipient
leaves this machine for an address where something else answers, or nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from airflow_provider_uspeedo.api.response.codes import is_out_of_order, may_not_ask
from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.core.attempt_log import wrapped
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.template_text import TemplateText
from airflow_provider_uspeedo.errors import ApiUnavailable, CallError, ConfigurationError, NotSent, Refused
from airflow_provider_uspeedo.tables import Table

log = logging.getLogger(__name__)

SERVER_ERRORS = 500
"""The first HTTP status that says that the server failed."""
MAX_TEMPLATES = 1000
"""Distinct templates in one table."""


def check_templates(
    query: Callable[[Sequence[str]], list[Template]], config: CampaignConfig, table: Table
) -> dict[str, TemplateText | None]:
    """Returns the text of each template of the table; ``None`` where the API does not say it.

    :raises ConfigurationError: a template is not approved, or has another number of variables than the columns fill;
        or the API refuses key, account or template for good.
    :raises ApiUnavailable: there is no answer, or it is not the API's; not if the circuit breaker is off.
    """
    ids = [config.template_id]
    if config.columns.template_id:
        texts = table.distinct(config.columns.template_id, MAX_TEMPLATES)
        ids = sorted({text.strip() for text in texts if text.strip()})
    if not ids:
        return {}
    try:
        templates = query(ids)
    except CallError as error:
        if isinstance(error, Refused) and not may_not_ask(error.ret_code):
            raise ConfigurationError(f"{error} Nothing was sent.") from None
        if config.max_unknown_requests is not None and not _is_an_answer(error):
            raise ApiUnavailable(
                f"USpeedo could not be asked for the templates, so nothing was sent: {error}"
            ) from None
        log.warning("%s", wrapped(f"The templates could not be checked before sending: {error}"))
        return dict.fromkeys(ids)
    for template in templates:
        _check(template, config)
    found = {template.template_id: TemplateText(template.text) for template in templates if template.text}
    return dict.fromkeys(ids) | found


def _is_an_answer(error: CallError) -> bool:
    """True if the API itself said that it does not answer this query, or something that no document explains.

    A code that means that the API, or what stands before it, is out of order is no answer, and HTTP 5xx is none.
    """
    if isinstance(error, Refused):
        return True
    if isinstance(error, NotSent) or error.ret_code is None or (error.http_status or 0) >= SERVER_ERRORS:
        return False
    return not is_out_of_order(error.ret_code)


def _check(template: Template, config: CampaignConfig) -> None:
    name, columns = f"Template {template.template_id!r}", config.columns
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
