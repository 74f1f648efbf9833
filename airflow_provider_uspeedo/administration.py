# SPDX-License-Identifier: Apache-2.0
"""What a person does with a ledger, for a DAG or a Python shell; the command ``airflow-uspeedo`` does the same.

.. code-block:: python

    with open_ledger_admin(results_conn_id="warehouse") as admin:
        admin.stop("invoices 2026-11-22", by="Dana")
        admin.export("invoices 2026-11-22", "s3://lake/sms.parquet", phones="masked")
        admin.suppress_import(phones_in_file("s3://lake/opt-outs/"), reason="opted out", by="Dana")
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_provider_uspeedo.ledger.admin.reports import (
    AttemptLine,
    CampaignLine,
    CampaignOverview,
    DecisionLine,
    Forgotten,
    Pruning,
    RejectedCount,
    ResultsExport,
    Stopping,
    UnknownCount,
    UnknownRequest,
)
from airflow_provider_uspeedo.ledger.admin.suppression_records import (
    SuppressedGroup,
    SuppressedPhone,
    SuppressedPhones,
    SuppressionChange,
)
from airflow_provider_uspeedo.ledger.store.version import Migration

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

__all__ = [
    "AttemptLine",
    "CampaignLine",
    "CampaignOverview",
    "DecisionLine",
    "Forgotten",
    "LedgerAdmin",
    "Migration",
    "Pruning",
    "RejectedCount",
    "ResultsExport",
    "Stopping",
    "SuppressedGroup",
    "SuppressedPhone",
    "SuppressedPhones",
    "SuppressionChange",
    "UnknownCount",
    "UnknownRequest",
    "open_ledger_admin",
    "phones_in_file",
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
    from airflow_provider_uspeedo.tables.whole_file import open_whole_file

    return LedgerAdmin(LedgerLocation.of(results_conn_id, results_table).open_queries(), open_whole_file)


def phones_in_file(path: str | os.PathLike[str], column: str | None = None) -> Iterator[str | None]:
    """The phones of a file for :meth:`.LedgerAdmin.suppress_import`, read once and in flat memory.

    :param path: of a Parquet or CSV file (``*.csv``, ``*.tsv``), a folder or a pattern of them, or a URI that Airflow
        can open; a local file with another name is plain text with one phone in each line.
    :param column: with the phones; ``None``: the only one, or the one that is called ``phone``.
    :returns: one for each row; ``None`` for an empty cell.
    :raises TableError: the file cannot be read, or has no such column.
    :raises SourceNotFound: there is no such file.
    """
    from airflow_provider_uspeedo.tables.phone_file import phones_in_file as read

    return read(path, column)


def __getattr__(name: str) -> Any:
    """Imports the class when it is first asked for: a DAG file that imports this module is parsed again and again."""
    if name == "LedgerAdmin":
        from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin

        return LedgerAdmin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
