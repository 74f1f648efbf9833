# SPDX-License-Identifier: Apache-2.0
"""What an attempt begins with, for the first lines of its log: from the checked arguments and what they led to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.core.attempt_log import Beginning
from airflow_provider_uspeedo.core.masking import without_secrets
from airflow_provider_uspeedo.operators.hidden_rows import HiddenRows

if TYPE_CHECKING:
    from airflow_provider_uspeedo.campaign.config import CampaignConfig
    from airflow_provider_uspeedo.campaign.table_reader import TableReader
    from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
    from airflow_provider_uspeedo.hooks.uspeedo import USpeedoHook
    from airflow_provider_uspeedo.ledger.ledger import Ledger


def beginning(
    config: CampaignConfig,
    table: TableReader | str,
    ledger: Ledger,
    location: LedgerLocation | None,
    hook: USpeedoHook,
) -> Beginning:
    """Returns it; nothing of it is a secret, or a value of the table.

    :param table: or its name, if it could not be opened.
    """
    slice_ = config.slice_
    return Beginning(
        table=table if isinstance(table, str) else table.description,
        rows=None if isinstance(table, str) else table.rows_at_most,
        template=config.template_id,
        template_column=config.columns.template_id,
        sender=config.sender_id,
        sender_column=config.columns.sender_id,
        campaign_id=config.campaign_id,
        slice_="" if slice_.is_whole else str(slice_),
        ledger=ledger.database.place,
        results_table=str(ledger.results_name),
        results_conn_id=location.conn_id if location else None,
        api=hook.config.place,
    )


def name_of_table(recipients: Any, sql_conn_id: str | None) -> str:
    """How to name a table that could not be opened.

    :param recipients: as the operator holds them: rows are wrapped.
    :param sql_conn_id: that of the query, if one gives the table.
    """
    if sql_conn_id is not None:
        return f"a query of connection {sql_conn_id!r}"
    text = str(recipients)
    return text if isinstance(recipients, HiddenRows) else without_secrets(text)
