# SPDX-License-Identifier: Apache-2.0
"""Checks before the first message: the table, its columns, the templates, the number of recipients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.dry_run import refuse_too_many
from airflow_provider_uspeedo.campaign.table_reader import TableReader
from airflow_provider_uspeedo.campaign.template_check import check_templates
from airflow_provider_uspeedo.tables import open_table


def prepare(
    config: CampaignConfig, recipients: Any, query_templates: Callable[[Sequence[str]], list[Template]], **sizes: int
) -> TableReader:
    """Returns the table, ready to be read.

    :param sizes: the number of rows that are read and claimed at a time; see :class:`.TableReader`.
    :raises ConfigurationError: an argument, the table or a template is wrong; nothing was sent.
    :raises SourceNotFound: the table is not there (yet).
    """
    table = open_table(recipients)
    reading = TableReader(table, config, **sizes)
    reading.expect(check_templates(query_templates, config, table))
    if config.max_recipients is not None:
        refuse_too_many(config.max_recipients, table.rows_at_most(), reading)
    return reading
