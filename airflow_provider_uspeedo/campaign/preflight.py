# SPDX-License-Identifier: Apache-2.0
"""Everything that is checked before the first message: the table, its columns, the templates, the number of people."""

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
    order: CampaignConfig, recipients: Any, query_templates: Callable[[Sequence[str]], list[Template]], **sizes: int
) -> TableReader:
    """The table, ready to be read.

    :param sizes: how many rows are read and claimed at a time; see :class:`.TableReader`.

    :raises ConfigurationError: an argument, the table or a template is wrong; nothing was sent.
    :raises SourceNotFound: the table is not there (yet).
    """
    table = open_table(recipients)
    reading = TableReader(table, order, **sizes)
    reading.expect(check_templates(query_templates, order, table))
    if order.max_recipients is not None:
        refuse_too_many(order.max_recipients, table.rows_at_most(), reading)
    return reading
