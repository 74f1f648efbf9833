# SPDX-License-Identifier: Apache-2.0
"""From a task instance to its campaign on the page, and to the query for its results.

Airflow asks for a link in the worker once the task has ended, and keeps it; it is made of the task's arguments alone.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperatorLink


class CampaignLink(BaseOperatorLink):
    """The page of the task's campaign."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "SMS campaign"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The path of the page; ``""`` where the page does not show the campaign."""
        return _path_of(operator)


class ResultsQueryLink(BaseOperatorLink):
    """The query for the results of the task's campaign, to be copied."""

    @property
    def name(self) -> str:
        """What the button says."""
        return "Results query"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The path of the page with the query; ``""`` where the page does not show the campaign."""
        path = _path_of(operator)
        return path and f"{path}/query"


def _path_of(operator: Any) -> str:
    """Of an operator whose arguments are rendered.

    The page shows one ledger, that of the settings: a task that names another one has no page there.
    """
    from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
    from airflow_provider_uspeedo.hooks.page_address import campaign_path, has_page

    campaign_id = str(operator.campaign_id or "").strip()
    if not campaign_id or not has_page():
        return ""
    used, shown = LedgerLocation.of(operator.results_conn_id, operator.results_table), LedgerLocation.of()
    is_shown = (used.conn_id, used.results_table) == (shown.conn_id, shown.results_table)
    return campaign_path(campaign_id) if is_shown else ""
