# SPDX-License-Identifier: Apache-2.0
"""Checks before the first message: the table, its columns, the templates, the number of recipients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_uspeedo.api.response.templates import Template
from airflow_provider_uspeedo.campaign.config import CampaignConfig
from airflow_provider_uspeedo.campaign.moment_rules import utc_now
from airflow_provider_uspeedo.campaign.plan_checks import check
from airflow_provider_uspeedo.campaign.survey import Account
from airflow_provider_uspeedo.campaign.surveyor import survey
from airflow_provider_uspeedo.campaign.table_reader import BATCH_ROWS, PORTION_ROWS, TableReader
from airflow_provider_uspeedo.campaign.template_check import check_templates
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries
from airflow_provider_uspeedo.tables import open_table

NO_ACCOUNT = Account()


def prepare(
    config: CampaignConfig,
    recipients: Any,
    query_templates: Callable[[Sequence[str]], list[Template]],
    *,
    portion_rows: int = PORTION_ROWS,
    batch_rows: int = BATCH_ROWS,
    clock: Callable[[], datetime] = utc_now,
    ledger: LedgerQueries | None = None,
    account: Account = NO_ACCOUNT,
    planning: bool = False,
) -> TableReader:
    """Returns the table, ready to be read.

    :param portion_rows: rows claimed in one transaction; see :class:`.TableReader`.
    :param batch_rows: rows read at a time.
    :param clock: the time in UTC, for the hours of a policy.
    :param ledger: knows which recipients the campaign has sent to before; ``None``: there is none yet.
    :param account: whose campaign it is.
    :param planning: a plan is to be made.
    :raises ConfigurationError: an argument, the table or a template is wrong; nothing was sent.
    :raises SourceNotFound: the table is not there (yet).
    :raises CampaignHalted: it is not what was planned, or the campaign was pruned.
    """
    table = open_table(recipients)
    reading = TableReader(table, config, portion_rows=portion_rows, batch_rows=batch_rows, clock=clock)
    reading.expect(check_templates(query_templates, config, table))
    by_content = planning or config.plan is not None
    if by_content or _asks_for_all_rows(config, table.rows_at_most()):
        attempt = ledger.peek(config.campaign_id, reading.spec) if ledger else None
        reading.continue_campaign(attempt.spec if attempt else None)
        sent = ledger.recipients_by_status(attempt) if ledger and attempt else Counter()
        found = survey(config, reading, account, ledger, attempt, by_content=by_content)
        check(config, found, sent)
        reading.survey = found
    return reading


def _asks_for_all_rows(config: CampaignConfig, rows_at_most: int | None) -> bool:
    """True if something can be decided only once all rows were read."""
    if config.max_cost is not None or config.max_segments is not None:
        return True
    return config.max_recipients is not None and (rows_at_most is None or rows_at_most > config.max_recipients)
