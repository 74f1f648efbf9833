# SPDX-License-Identifier: Apache-2.0
"""Checks before the first message: the table, its columns, the templates, the number of recipients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.dry_run import refuse_too_many
from airflow_provider_uspeedo.campaign.moment_rules import utc_now
from airflow_provider_uspeedo.campaign.table_reader import BATCH_ROWS, PORTION_ROWS, TableReader
from airflow_provider_uspeedo.campaign.template_check import check_templates
from airflow_provider_uspeedo.tables import open_table


def prepare(
    config: CampaignConfig,
    recipients: Any,
    query_templates: Callable[[Sequence[str]], list[Template]],
    *,
    portion_rows: int = PORTION_ROWS,
    batch_rows: int = BATCH_ROWS,
    clock: Callable[[], datetime] = utc_now,
) -> TableReader:
    """Returns the table, ready to be read.

    :param portion_rows: rows claimed in one transaction; see :class:`.TableReader`.
    :param batch_rows: rows read at a time.
    :param clock: the time in UTC, for the hours of a policy.
    :raises ConfigurationError: an argument, the table or a template is wrong; nothing was sent.
    :raises SourceNotFound: the table is not there (yet).
    """
    table = open_table(recipients)
    reading = TableReader(table, config, portion_rows=portion_rows, batch_rows=batch_rows, clock=clock)
    reading.expect(check_templates(query_templates, config, table))
    if config.max_recipients is not None:
        refuse_too_many(config.max_recipients, table.rows_at_most(), reading)
    return reading
