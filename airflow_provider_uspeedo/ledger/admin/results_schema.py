# SPDX-License-Identifier: Apache-2.0
"""The Arrow schema of an export: the columns of the results relation, whose types do not depend on the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_uspeedo.ledger.results.row_status import COLUMNS

SCHEMA_VERSION = 1
"""Goes up when a column changes its type or meaning, or is removed; a column that is added does not change it."""
METADATA_PREFIX = "uspeedo."

_TIME = pa.timestamp("us", tz="UTC")
_TYPES = {
    "row_number": pa.int64(),
    "ret_code": pa.int64(),
    "cost_count": pa.int64(),
    "claimed_at": _TIME,
    "settled_at": _TIME,
    "receipt_at": _TIME,
}
_NEVER_NULL = ("campaign_id", "status")

RESULTS_SCHEMA = pa.schema(
    [pa.field(name, _TYPES.get(name, pa.string()), nullable=name not in _NEVER_NULL) for name in COLUMNS]
)


def schema_with(about: Mapping[str, Any]) -> pa.Schema:
    """The schema with the version, and what else is known of the file, as its metadata."""
    every = {"schema_version": SCHEMA_VERSION, **about}
    texts = {f"{METADATA_PREFIX}{name}": str(value).encode("utf-8", "replace") for name, value in every.items()}
    return RESULTS_SCHEMA.with_metadata(texts)


def batch_of(columns: Mapping[str, Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows as one batch.

    :param columns: by name; times are UTC, without a zone.
    """
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
