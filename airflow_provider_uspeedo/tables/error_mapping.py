# SPDX-License-Identifier: Apache-2.0
"""The one place that maps errors of other libraries to ours, which quote no value.

Arrow, pandas and databases put the offending value into their messages; file systems may put credentials there. So
only the class of their error is passed on, and the cause is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from airflow_provider_uspeedo.errors import SourceNotFound, TableError, USpeedoError
from airflow_provider_uspeedo.tables.file_formats import PARQUET


@contextmanager
def mapped_file_errors(place: str, kind: str = PARQUET) -> Iterator[None]:
    """Map errors in reading a file to ours.

    :param kind: the format it is read as.

    :raises SourceNotFound: it is not there (any more), or its storage does not answer: retry later.
    :raises TableError: it is damaged, or of another format.
    """
    try:
        yield
    except (USpeedoError, MemoryError):
        raise
    except FileNotFoundError:
        raise SourceNotFound(f"{place} is not there. Check the path, or wait until it has been written.") from None
    except Exception as error:  # noqa: BLE001 - any storage library may be below, and raises what it likes
        if is_damage(error):
            raise TableError(
                f"{place} cannot be read as {kind} ({type(error).__name__}): it is damaged, not finished, or "
                f"of another format. Write it again."
            ) from None
        raise SourceNotFound(
            f"{place} cannot be reached now ({type(error).__name__}). Check its storage and the rights on it."
        ) from None


def is_damage(error: Exception) -> bool:
    """Return whether the file is bad, and not its storage.

    Arrow reports damage with its own classes, or with an OSError that no operating system made.
    """
    return isinstance(error, pa.ArrowException | ValueError) or (type(error) is OSError and error.errno is None)


@contextmanager
def mapped_row_errors(place: str) -> Iterator[None]:
    """Map errors in taking rows out of a frame or a stream to ours.

    :raises TableError: for any error.
    """
    try:
        yield
    except (USpeedoError, MemoryError):
        raise
    except BaseException as error:
        # polars is written in Rust: its panics (such as for a NUL in a column's name) are not Exceptions.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise TableError(
            f"{place} stopped giving rows ({type(error).__name__}). Read it yourself to see why."
        ) from None


@contextmanager
def mapped_conversion_errors(column: str, arrow_type: str, place: str, first_row: int, length: int) -> Iterator[None]:
    """Map errors in converting a column to text to ours.

    :raises TableError: with the column, and the first row of the batch.
    """
    try:
        yield
    except (USpeedoError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - Arrow kernels raise many classes, and quote values in each
        rows = f"rows {first_row:,} to {first_row + length - 1:,}"
        raise TableError(
            f"column {column!r} ({arrow_type}) of {place} cannot be made text in {rows} ({type(error).__name__}). "
            f"Write it as text.",
            row_number=first_row,
            column=column,
        ) from None
