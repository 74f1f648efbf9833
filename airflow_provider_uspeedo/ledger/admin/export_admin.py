# SPDX-License-Identifier: Apache-2.0
"""Exports the results of a campaign as one Parquet file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_uspeedo import __version__
from airflow_provider_uspeedo.core.exported_phones import MASKED, ExportedPhones, checked_phone_form
from airflow_provider_uspeedo.core.statuses import STATUSES
from airflow_provider_uspeedo.errors import ConfigurationError
from airflow_provider_uspeedo.ledger.admin.reports import ResultsExport
from airflow_provider_uspeedo.ledger.admin.results_schema import batch_of, schema_with
from airflow_provider_uspeedo.ledger.admin.results_snapshot import open_results_snapshot
from airflow_provider_uspeedo.ledger.results.queries import LedgerQueries

ROW_GROUP = 100_000
"""Rows of a row group, which is what memory holds of the file."""


class ExportFile(Protocol):
    """A file that appears under its path as a whole, or not at all."""

    @property
    def file(self) -> BinaryIO: ...
    @property
    def path(self) -> str: ...


OpenExportFile = Callable[[Any], AbstractContextManager[ExportFile]]
"""Opens the file at a path; it appears there when the block ends without an error."""


class ExportAdmin:
    """The method of :class:`.LedgerAdmin` for exports."""

    ledger: LedgerQueries
    _open_file: OpenExportFile | None

    def export(self, campaign_id: str, path: str | os.PathLike[str], *, phones: str = MASKED) -> ResultsExport:
        """Writes the results of a campaign, as they are at this moment, to one Parquet file.

        All columns of the results relation, in the order of the table's rows; memory stays flat. The file appears
        under its path when it is complete, and replaces an earlier one. What was interrupted is done again from the
        start.

        :param path: of the file, with the ending ``.parquet``: a local path in a folder that is there, or a URI that
            Airflow can open, such as ``s3://my_conn@lake/sms.parquet``; also an ``ObjectStoragePath``.
        :param phones: ``"plain"``; ``"masked"``, as ``(852)****1111``; or ``"hashed"``, as HMAC-SHA-256 under a key of
            this ledger: the same phone has the same hash in all exports of the ledger. Unless they are plain,
            recipient keys are hashed, and user ids and texts that may quote a phone are masked.
        :raises ConfigurationError: the path cannot be used, or there is no such campaign.
        :raises CampaignHalted: the campaign was pruned: its rows are gone.
        :raises DestinationUnavailable: the file cannot be written now.
        """
        form = checked_phone_form(phones)
        if self._open_file is None:
            raise ConfigurationError("This LedgerAdmin opens no files: use administration.open_ledger_admin to export.")
        self._must_exist()
        with (
            self._open_file(path) as target,
            open_results_snapshot(self.ledger, campaign_id) as snapshot,
        ):
            about = {
                "campaign_id": campaign_id,
                "exported_at": snapshot.taken_at.isoformat(),
                "open_attempts": snapshot.open_attempts,
                "phones": form,
                "package_version": __version__,
            }
            shown = ExportedPhones(form, snapshot.hasher, campaign_id).shown
            counts = _write(target.file, schema_with(about), map(shown, snapshot.portions))
            size = target.file.tell()
        return ResultsExport(
            campaign_id=campaign_id,
            path=target.path,
            phones=form,
            rows=counts.total(),
            counts={status: counts[status] for status in STATUSES},
            size=size,
            exported_at=snapshot.taken_at,
            open_attempts=snapshot.open_attempts,
        )

    def _must_exist(self) -> None:
        """:raises ConfigurationError: there is no ledger."""
        raise NotImplementedError


def _write(file: BinaryIO, schema: pa.Schema, portions: Iterable[dict[str, Any]]) -> Counter[str]:
    """Writes a whole Parquet file; returns how many rows have which status."""
    counts: Counter[str] = Counter()
    waiting: list[pa.RecordBatch] = []
    with _parquet_writer(file, schema) as writer:
        for columns in portions:
            counts.update(columns["status"])
            waiting.append(batch_of(columns, schema))
            if sum(map(len, waiting)) >= ROW_GROUP:
                writer.write_table(pa.Table.from_batches(waiting, schema))
                waiting.clear()
        writer.write_table(pa.Table.from_batches(waiting, schema))
    return counts


@contextmanager
def _parquet_writer(file: BinaryIO, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    writer = pq.ParquetWriter(file, schema)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.is_open = False  # else it writes the footer of half a table when it is collected
        raise
