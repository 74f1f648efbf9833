# SPDX-License-Identifier: Apache-2.0
"""The arguments that decide who gets which text: those that the fingerprint of a plan covers, beside the rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from typing import Any

from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.plan_fingerprint import CAMPAIGN, TEMPLATES
from airflow_provider_uspeedo.core.contact_rules import ContactRules
from airflow_provider_uspeedo.core.suppress_sources import SuppressSource
from airflow_provider_uspeedo.core.template_text import TemplateText


def planned_arguments(
    config: CampaignConfig, texts: Mapping[str, TemplateText | None], account_id: int | None
) -> dict[str, Any]:
    """Name -> value, each of plain Python values whose ``repr`` is the same in every process.

    :param texts: template -> its text, as far as it is known.
    :param account_id: of the connection.
    """
    columns = config.columns
    return {
        CAMPAIGN: config.campaign_id,
        "template_id": config.template_id,
        "template_id_column": columns.template_id,
        "sender_id": config.sender_id,
        "sender_id_column": columns.sender_id,
        "phone_column": columns.phone,
        "param_columns": tuple(columns.params),
        "params_column": columns.params_list,
        "user_id_column": columns.user_id,
        "extend_code_column": columns.extend_code,
        "default_region": config.default_region and config.default_region.strip().upper(),
        "bare_digits": config.bare_digits,
        "key_columns": columns.keys,
        "policy": _rules(config.rules),
        "prices": None if config.prices is None else config.prices.canonical(),
        "max_cost": _number(config.max_cost),
        "max_segments": config.max_segments,
        "account_id": account_id,
        TEMPLATES: sorted((template, text and text.text) for template, text in texts.items()),
    }


def _number(given: Decimal | None) -> str | None:
    return None if given is None else format(given.normalize(), "f")


def _rules(rules: ContactRules) -> Any:
    return (
        sorted(_source(source) for source in rules.suppress),
        None if rules.countries is None else sorted(rules.countries),
        [(window.opens.isoformat(), window.closes.isoformat()) for window in rules.windows],
        rules.time_zone_column,
        sorted((cap.texts, cap.days) for cap in rules.caps),
        rules.not_after and rules.not_after.astimezone(UTC).isoformat(),
    )


def _source(source: SuppressSource) -> tuple[str, ...]:
    """Where a list is; of one that is given by value only that it is.

    The recipients that a list excludes are counted with the rows of the table.
    """
    path = "" if source.path is None else str(source.path)
    return path, source.table, source.sql, source.sql_conn_id, source.column
