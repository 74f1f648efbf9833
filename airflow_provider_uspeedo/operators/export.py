# SPDX-License-Identifier: Apache-2.0
"""The operator that exports the results of a campaign as a Parquet file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator

from airflow_provider_uspeedo.core.exported_phones import MASKED, PLAIN
from airflow_provider_uspeedo.core.plural import counted
from airflow_provider_uspeedo.core.what_to_do import what_to_do
from airflow_provider_uspeedo.errors import (
    CampaignHalted,
    ConfigurationError,
    DestinationUnavailable,
    LedgerError,
    LedgerUnavailable,
)
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation
from airflow_provider_uspeedo.links.campaign_links import CampaignLink, ResultsQueryLink
from airflow_provider_uspeedo.operators.arguments import text_or_none
from airflow_provider_uspeedo.operators.hidden_rows import references
from airflow_provider_uspeedo.operators.lineage import (
    LineageDataset,
    ReportsLineage,
    dataset_of_path,
    dataset_of_results,
)
from airflow_provider_uspeedo.operators.observability import describe_outlets
from airflow_provider_uspeedo.operators.rendering import TextRendering
from airflow_provider_uspeedo.operators.unexpected_error import log_unexpected
from airflow_provider_uspeedo.operators.unrendered import refuse_unrendered

if TYPE_CHECKING:
    from airflow_provider_uspeedo.ledger.admin.reports import ResultsExport


class ExportSMSResultsOperator(TextRendering, ReportsLineage, BaseOperator):
    """Writes the results of a campaign, as they are when the task runs, to one Parquet file.

    Every column of the results relation, one row for each row of the table, in its order and in flat memory. The file
    appears under its path when it is complete, and replaces that of an earlier attempt. It sends nothing.

    :param campaign_id: the campaign, as the task that sent it names it.
    :param path: of the file, with the ending ``.parquet``: a URI that Airflow can open, such as
        ``s3://my_conn@lake/sms/{{ ds }}.parquet``, an ``ObjectStoragePath``, or a path on the worker's machine.
    :param phones: ``"masked"``, as ``(852)****1111``; ``"hashed"``, as HMAC-SHA-256 under a key of the ledger; or
        ``"plain"``.
    :param results_conn_id: the connection of the ledger, as the task that sends has it; by default the setting
        ``[uspeedo] results_conn_id``, else the SQLite file.
    :param results_table: the relation of the results; likewise.
    :returns: path, rows, rows by status and bytes of the file; see *Export*.
    """

    template_fields: Sequence[str] = ("campaign_id", "path", "phones", "results_conn_id", "results_table")
    ui_color = "#d5e8f0"
    operator_extra_links = (CampaignLink(), ResultsQueryLink())

    def __init__(
        self,
        *,
        campaign_id: str,
        path: str | os.PathLike[str] | Any,
        phones: str = MASKED,
        results_conn_id: str | None = None,
        results_table: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.path = _as_text(path)
        self.phones = phones
        self.results_conn_id = results_conn_id
        self.results_table = results_table
        self._done: ResultsExport | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Writes the file.

        :raises AirflowException: a retry can succeed.
        :raises AirflowFailException: it needs manual action.
        """
        try:
            self._done = self._export()
            return self._report(context, self._done)
        except (LedgerUnavailable, DestinationUnavailable) as error:
            raise AirflowException(f"{error} {what_to_do('export-failed')}") from None
        except CampaignHalted as error:
            raise AirflowFailException(f"{error} {what_to_do(error.section)}") from None
        except (ConfigurationError, LedgerError) as error:
            raise AirflowFailException(f"{error} {what_to_do('export-failed')}") from None
        except Exception as error:  # noqa: BLE001 - the edge: an unexpected error may quote a phone
            raise AirflowException(f"{log_unexpected(self.log, error)} {what_to_do('unforeseen')}") from None

    def lineage_inputs(self) -> Sequence[LineageDataset]:
        """The results relation, which has those of other campaigns, too."""
        rows = self._done.rows if self._done else None
        results = dataset_of_results(LedgerLocation.of(self.results_conn_id, self.results_table), rows)
        return (replace(results, whole=False),)

    def lineage_outputs(self) -> Sequence[LineageDataset]:
        """The file."""
        rows, size = (self._done.rows, self._done.size) if self._done else (None, None)
        file = dataset_of_path(self.path, rows, size)
        return (file,) if file else ()

    def _export(self) -> ResultsExport:
        from airflow_provider_uspeedo.ledger.admin.ledger_admin import LedgerAdmin
        from airflow_provider_uspeedo.tables.whole_file import open_whole_file

        refuse_unrendered(self)
        campaign_id = (text_or_none(self.campaign_id) or "").strip()
        if not campaign_id:
            raise ConfigurationError("campaign_id is empty: name the campaign as the task that sent it does.")
        location = LedgerLocation.of(self.results_conn_id, self.results_table)
        with LedgerAdmin(location.open_queries(), open_whole_file) as admin:
            return admin.export(campaign_id, self.path, phones=text_or_none(self.phones) or MASKED)

    def _report(self, context: Any, done: ResultsExport) -> dict[str, Any]:
        self.log.info(
            "Campaign %r: %s to %s, %s bytes, with phones %s.",
            done.campaign_id,
            counted(done.rows, "row"),
            done.path,
            f"{done.size:,}",
            "in plain: every reader of the file can read them" if done.phones == PLAIN else done.phones,
        )
        if done.open_attempts:
            self.log.warning(
                "%s of campaign %r had not ended (running, or killed). The file shows the moment %s; what was read or "
                "answered since is not in it. Export again when the campaign has ended.",
                counted(done.open_attempts, "attempt"),
                done.campaign_id,
                f"{done.exported_at:%Y-%m-%d %H:%M:%S} UTC",
            )
        facts = {
            "phones": done.phones,
            "rows": done.rows,
            **done.counts,
            "bytes": done.size,
            "exported_at": done.exported_at.isoformat(),
            "open_attempts": done.open_attempts,
        }
        describe_outlets(context, self.outlets, {"campaign_id": done.campaign_id, **facts})
        return {"campaign_id": done.campaign_id, "path": done.path, **facts}


def _as_text(path: Any) -> Any:
    """Paths of every kind as text, which Airflow can store; outputs of other tasks stay."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if isinstance(path, ObjectStoragePath):
        return str(path)
    return path if isinstance(path, (str, *references())) or not isinstance(path, os.PathLike) else os.fspath(path)
