# SPDX-License-Identifier: Apache-2.0
"""INT96, the timestamps that Hive, Impala and older Sparks write: 9999-12-31 does not fit Arrow's nanoseconds.

Arrow reads them as nanoseconds since 1970 in 64 bits, which end in 2262, and wraps around without a word. So they are
read a second time as seconds; the two together give the time exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_uspeedo.errors import TableError
from airflow_provider_uspeedo.tables.arrow_types import is_list

INT96_UNIT = "s"
_SECOND = 10**9
_LAST_OF_NANOSECONDS = (2**63 - 1) // _SECOND - 1
_LAST_OF_MICROSECONDS = (2**63 - 1) // 10**6 - 1


def int96_columns(schema: Any, columns: Sequence[str]) -> list[str]:
    """Return which of the columns hold INT96.

    :param schema: of the Parquet file, a ``pyarrow.parquet.ParquetSchema``.
    """
    leaves = [schema.column(place) for place in range(len(schema.names))]
    paths = [leaf.path for leaf in leaves if leaf.physical_type == "INT96"]
    return [name for name in columns if any(path == name or path.startswith(f"{name}.") for path in paths)]


def with_true_times(batch: pa.RecordBatch, seconds: pa.RecordBatch, place: str) -> pa.RecordBatch:
    """Return the batch with the true times.

    :param batch: read as nanoseconds.
    :param seconds: its INT96 columns, read as seconds.
    :raises TableError: a column is a list of INT96, or mixes years after 2262 with fractions of a microsecond.
    """
    arrays = {name: batch.column(at) for at, name in enumerate(batch.schema.names)}
    for name in seconds.schema.names:
        arrays[name] = _true(arrays[name], seconds.column(name), name, place)
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))


def _true(wrapped: pa.Array, seconds: pa.Array, name: str, place: str) -> pa.Array:
    if is_list(wrapped.type):
        raise _refused(name, place, "a list of")
    if not pa.types.is_timestamp(wrapped.type):  # a struct whose name begins alike
        return wrapped
    whole = _numbers(seconds)
    if not len(whole) or np.abs(whole).max() <= _LAST_OF_NANOSECONDS:
        return wrapped
    # What is left of the nanoseconds after the seconds is right in spite of the wrapping: both wrap alike.
    fraction = (_numbers(wrapped).view(np.uint64) - whole.view(np.uint64) * np.uint64(_SECOND)).view(np.int64)
    if np.abs(whole).max() > _LAST_OF_MICROSECONDS or (fraction % 1000).any() or (fraction // _SECOND).any():
        raise _refused(name, place, "years after 2262 among")
    micros = pa.array(whole * 10**6 + fraction // 1000, mask=np.asarray(seconds.is_null().to_pylist(), bool))
    return micros.cast(pa.timestamp("us"))


def _numbers(times: pa.Array) -> np.ndarray[Any, Any]:
    """The numbers behind the times; 0 for a null."""
    return np.ascontiguousarray(pc.fill_null(times.cast(pa.int64()), 0).to_numpy(zero_copy_only=False))


def _refused(name: str, place: str, what: str) -> TableError:
    return TableError(
        f"column {name!r} of {place} has {what} INT96 timestamps, which cannot be read exactly. Write them as "
        f"TIMESTAMP_MICROS (Spark: spark.sql.parquet.outputTimestampType) or as text.",
        column=name,
    )
