# SPDX-License-Identifier: Apache-2.0
"""The one place that turns what libraries raise into errors of ours, which quote no value.

Arrow, pandas and databases put the offending value into their messages; file systems may put credentials there. So
only the class of their error is passed on, and the cause is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from airflow_provider_uspeedo.errors import SourceNotFound, TableError, USpeedoError


@contextmanager
def reading_file(place: str) -> Iterator[None]:
    """Turn errors in reading a Parquet file into ours.

    :raises SourceNotFound: it is not there (any more), or its storage does not answer: try again later.
    :raises TableError: it is damaged, or not Parquet.
    """
    try:
        yield
    except (USpeedoError, MemoryError):
        raise
    except FileNotFoundError:
        raise SourceNotFound(f"{place} is not there. Check the path, or wait until it has been written.") from None
    except Exception as error:  # noqa: BLE001 - any storage library may be below; what it raises is not ours to list
        if _is_damage(error):
            raise TableError(
                f"{place} cannot be read as Parquet ({type(error).__name__}): it is damaged, not finished, or "
                f"of another format. Write it again."
            ) from None
        raise SourceNotFound(
            f"{place} cannot be reached now ({type(error).__name__}). Check its storage and the rights on it."
        ) from None


def _is_damage(error: Exception) -> bool:
    """Arrow reports damage with its own classes, or with an OSError that no operating system made."""
    return isinstance(error, pa.ArrowException | ValueError) or (type(error) is OSError and error.errno is None)


@contextmanager
def reading_rows(place: str) -> Iterator[None]:
    """Turn errors in taking rows out of a frame or a stream into ours.

    :raises TableError: whatever it was.
    """
    try:
        yield
    except (USpeedoError, MemoryError):
        raise
    except BaseException as error:
        # polars, being Rust, panics (say, over a NUL in a column's name) with what is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise TableError(
            f"{place} stopped giving rows ({type(error).__name__}). Read it yourself to see why."
        ) from None


@contextmanager
def converting(column: str, arrow_type: str, place: str, first_row: int, length: int) -> Iterator[None]:
    """Turn errors in making text of a column into ours.

    :raises TableError: with the column, and the first row of the slice in question.
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
