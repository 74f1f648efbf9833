# SPDX-License-Identifier: Apache-2.0
"""What is reported to OpenLineage: which table was read, which relation or file was written, and how many rows.

Airflow asks for it only where its OpenLineage provider is installed. A query is reported as by Airflow's own operators:
its SQL, and the tables in it; rows by value have no name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_uspeedo.core.masking import without_secrets
from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text
from airflow_provider_uspeedo.hooks.ledger_location import LedgerLocation

log = logging.getLogger(__name__)
_PLACEHOLDER = re.compile(r"(?<!%)%(\(\w+\))?s")
DEFAULT_PORTS = {"postgres": 5432, "mysql": 3306}


@dataclass(frozen=True, slots=True)
class LineageDataset:
    """A table or a file, named as OpenLineage names them.

    :param rows: how many were read or written; ``None``: not known.
    :param size: bytes; ``None``: not known.
    :param whole: the rows are all that it has.
    """

    namespace: str
    name: str
    rows: int | None = None
    size: int | None = None
    whole: bool = True


class ReportsLineage:
    """A mixin of operators; each says what it read and wrote in :meth:`lineage_inputs` and :meth:`lineage_outputs`."""

    def lineage_inputs(self) -> Sequence[LineageDataset]:
        """What the task reads."""
        return ()

    def lineage_outputs(self) -> Sequence[LineageDataset]:
        """What the task writes."""
        return ()

    def lineage_sql(self) -> str | None:
        """The query that the task runs."""
        return None

    def get_openlineage_facets_on_start(self) -> Any:
        """Airflow's OpenLineage listener calls it before the task runs."""
        return self._facets()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - the listener's signature
        """And when it has succeeded."""
        return self._facets()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:  # noqa: ARG002 - the listener's signature
        """And when it has failed: what it wrote before is reported, too."""
        return self._facets()

    def _facets(self) -> Any:
        from airflow.providers.common.compat.openlineage.facet import SQLJobFacet
        from airflow.providers.openlineage.extractors import OperatorLineage

        try:
            inputs, outputs, sql = self.lineage_inputs(), self.lineage_outputs(), self.lineage_sql()
        except Exception as error:  # noqa: BLE001 - lineage never fails a task, and the text of an error may hold a secret
            log.warning("No lineage is reported: %s.", type(error).__name__)
            return OperatorLineage()
        return OperatorLineage(
            inputs=[_input(one) for one in inputs],
            outputs=[_output(one) for one in outputs],
            job_facets={"sql": SQLJobFacet(query=sql)} if sql else {},
        )


def dataset_of_path(
    path: object, rows: int | None = None, size: int | None = None, *, whole: bool = True
) -> LineageDataset | None:
    """The dataset of a path or URI of a table; ``None`` for a table that has none.

    Also for rows that a template turned into text: that holds phones. The task itself refuses it.
    """
    text = str(path) if isinstance(path, str) or hasattr(path, "__fspath__") or hasattr(path, "protocol") else ""
    if not text.strip() or is_rows_as_text(text):
        return None
    uri = urlsplit(without_secrets(text))
    if uri.scheme in ("", "file"):
        return LineageDataset("file", uri.path.rstrip("/") or "/", rows, size, whole)
    # A user name or a password before the host says nothing of where the table is.
    return LineageDataset(
        f"{uri.scheme}://{uri.netloc.rpartition('@')[2]}", uri.path.strip("/") or "/", rows, size, whole
    )


def tables_of_query(
    sql: str, sql_conn_id: str, hook_params: Mapping[str, Any] | None = None, rows: int | None = None
) -> tuple[LineageDataset, ...]:
    """The tables that a query reads, as Airflow's parser of SQL finds and names them; empty where it knows no names.

    :param rows: of the answer, which are rows of a table only if the query reads no other.
    """
    from airflow.providers.common.compat.sdk import BaseHook

    try:
        from airflow.providers.openlineage.sqlparser import get_openlineage_facets_with_sql

        connection: Any = BaseHook.get_connection(sql_conn_id)
        hook = connection.get_hook(hook_params=dict(hook_params or {}))
        hook.log_sql = False  # it may ask for the schema
        # The parser knows no placeholders of drivers.
        plain = _PLACEHOLDER.sub("NULL", sql).replace("%%", "%")
        found = get_openlineage_facets_with_sql(hook, plain, sql_conn_id, None, use_connection=False)
    except Exception as error:  # noqa: BLE001 - the SQL is still told
        log.debug("The tables of the query are not reported: %s.", type(error).__name__)
        return ()
    tables = found.inputs if found else []
    read = rows if len(tables) == 1 else None
    return tuple(LineageDataset(one.namespace, one.name, read, whole=False) for one in tables)


def dataset_of_results(location: LedgerLocation, rows: int | None = None) -> LineageDataset:
    """The dataset of a results relation."""
    if location.conn_id is None:
        from airflow_provider_uspeedo.hooks.ledger_connection import default_file

        return LineageDataset("file", f"{default_file()}/{location.results_table}", rows)
    from airflow.providers.common.compat.sdk import BaseHook

    connection = BaseHook.get_connection(location.conn_id)
    kind = connection.conn_type
    if kind == "sqlite":
        return LineageDataset("file", f"{connection.host}/{location.results_table}", rows)
    name = location.results_table
    if kind == "postgres" and "." not in name:
        name = f"public.{name}"
    return LineageDataset(
        f"{kind}://{connection.host}:{connection.port or DEFAULT_PORTS.get(str(kind), '')}",
        f"{connection.schema}.{name}" if connection.schema and (kind == "postgres" or "." not in name) else name,
        rows,
    )


def _input(dataset: LineageDataset) -> Any:
    from openlineage.client.event_v2 import InputDataset

    facets = {} if dataset.rows is None else dict(_read_rows(dataset))
    return InputDataset(namespace=dataset.namespace, name=dataset.name, inputFacets=facets)


def _read_rows(dataset: LineageDataset) -> Iterator[tuple[str, Any]]:
    """How many rows were read, and that the dataset has so many."""
    from openlineage.client.generated.data_quality_metrics_input_dataset import DataQualityMetricsInputDatasetFacet

    if dataset.whole:
        yield (
            "dataQualityMetrics",
            DataQualityMetricsInputDatasetFacet(columnMetrics={}, rowCount=dataset.rows, bytes=dataset.size),
        )
    with suppress(ImportError):  # older clients do not know it
        from openlineage.client.generated.input_statistics_input_dataset import InputStatisticsInputDatasetFacet

        yield "inputStatistics", InputStatisticsInputDatasetFacet(rowCount=dataset.rows, size=dataset.size)


def _output(dataset: LineageDataset) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet

    facts = OutputStatisticsOutputDatasetFacet(rowCount=dataset.rows, size=dataset.size)
    facets: dict[str, Any] = {} if dataset.rows is None else {"outputStatistics": facts}
    return OutputDataset(namespace=dataset.namespace, name=dataset.name, outputFacets=facets)
