# SPDX-License-Identifier: Apache-2.0
"""What a person does with a ledger, for a DAG or a Python shell; the command ``airflow-uspeedo`` does the same.

.. code-block:: python

    with open_ledger_admin(results_conn_id="warehouse") as admin:
        admin.stop("invoices 2026-11-22", by="Dana")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.ledger.admin.reports import (
    AttemptLine,
    CampaignLine,
    CampaignOverview,
    Forgotten,
    Pruning,
    Stopping,
    UnknownCount,
    UnknownRequest,
)
from airflow_provider_uspeedo.ledger.store.version import Migration

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

__all__ = [
    "AttemptLine",
    "CampaignLine",
    "CampaignOverview",
    "Forgotten",
    "LedgerAdmin",
    "Migration",
    "Pruning",
    "Stopping",
    "UnknownCount",
    "UnknownRequest",
    "open_ledger_admin",
]


def open_ledger_admin(results_conn_id: str | None = None, results_table: str | None = None) -> LedgerAdmin:
    """The ledger that these arguments name, as they do for the operator; to be used in a ``with`` block.

    :param results_conn_id: a connection of type ``sqlite``, ``postgres`` or ``mysql``; ``None``: the setting
        ``[uspeedo] results_conn_id``, then the SQLite file in ``AIRFLOW_HOME``.
    :param results_table: ``None``: the setting ``[uspeedo] results_table``, then ``uspeedo_results``.
    :raises ConfigurationError: the connection or the name of the table cannot be used for a ledger.
    """
    from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

    return LedgerAdmin(LedgerLocation.of(results_conn_id, results_table).open_queries())


def __getattr__(name: str) -> Any:
    """Imports the class when it is first asked for: a DAG file that imports this module is parsed again and again."""
    if name == "LedgerAdmin":
        from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

        return LedgerAdmin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
