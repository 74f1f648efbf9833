# SPDX-License-Identifier: Apache-2.0
"""Writes a file that appears under its path as a whole or not at all, whatever ends the process.

On this machine it is written beside its place under a hidden name, and renamed. For object storage it is written to a
temporary file without a name, and uploaded when it is complete; an upload that fails is given up.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from airflow_provider_uspeedo.core.masking import without_secrets
from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text
from airflow_provider_uspeedo.errors import ConfigurationError, DestinationUnavailable, SourceNotFound
from airflow_provider_uspeedo.tables.spool import FULL
from airflow_provider_uspeedo.tables.storage import ObjectStorage, Storage, is_path, storage_and_path

ENDING = ".parquet"
UNFINISHED = ".partial"
MAX_NAME = 200
"""Bytes of the file's name that its hidden name has at most."""
_NO_FOLDER = (errno.ENOENT, errno.ENOTDIR)
_NO_RIGHT = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that is being written.

    :param path: as it was given, without a password.
    """

    file: BinaryIO
    path: str


@contextmanager
def open_whole_file(place: Any) -> Iterator[WholeFile]:
    """Opens the file at a path, which appears there when the block ends without an error.

    A file that is there already is replaced then, and stays otherwise.

    :param place: a path, a URI that Airflow can open, or an ``ObjectStoragePath``; its name ends in ``.parquet``.
    :raises ConfigurationError: nothing can be written there: another name, a folder, no folder around it, no right.
    :raises DestinationUnavailable: it cannot be written now.
    """
    given = _checked(place)
    try:
        storage, path = storage_and_path(place)
    except SourceNotFound as error:
        raise DestinationUnavailable(f"The export cannot be written: {error}") from None
    shown = storage.shown(path)
    with _mapped_errors(shown):
        if _is_folder(storage, path, shown):
            raise ConfigurationError(f"path {shown} is a folder: name a file in it, such as results{ENDING}.")
        opened = _uploaded(storage, path) if isinstance(storage, ObjectStorage) else _renamed(storage, path, shown)
        with opened as file:
            yield WholeFile(file, given)


def _is_folder(storage: Storage, path: str, shown: str) -> bool:
    """Also the first call to a storage: it shows whether the storage answers before a row is read."""
    try:
        return storage.is_folder(path)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - any storage library may be below, and its text hold credentials
        raise DestinationUnavailable(
            f"The storage of {shown} cannot be reached now ({type(error).__name__}). Check the connection that the "
            "URI names, and its rights."
        ) from None


def _checked(place: Any) -> str:
    """The path as text.

    :raises ConfigurationError: it cannot be one; rows that a template made text are not shown.
    """
    if not is_path(place):
        raise ConfigurationError(f"path must be text, not a {type(place).__name__}.")
    text = os.fspath(place) if isinstance(place, os.PathLike) else str(place)
    if not isinstance(text, str) or is_rows_as_text(text):
        raise ConfigurationError("path is not the path of a file.")
    if not text.lower().endswith(ENDING) or text.replace("\\", "/").rpartition("/")[2].lower() == ENDING:
        raise ConfigurationError(
            f"path must name a Parquet file, with the ending {ENDING}; it is {without_secrets(text)[:200]!r}. If it is "
            "a template, it may have given nothing."
        )
    return without_secrets(text)


# -- on this machine --------------------------------------------------------------------------------------------


@contextmanager
def _renamed(storage: Storage, path: str, shown: str) -> Iterator[BinaryIO]:
    final = Path(storage.real(path))  # a link stays one
    _remove_unfinished(final)
    hidden = _hidden_name(final, os.urandom(4).hex())
    try:
        file = hidden.open("xb")
    except OSError as error:
        if error.errno in _NO_FOLDER:
            raise ConfigurationError(f"path {shown} has no folder: create {final.parent} first.") from None
        if error.errno in _NO_RIGHT:
            raise ConfigurationError(
                f"path {shown} cannot be written: the user of this process lacks the right to make files in "
                f"{final.parent}."
            ) from None
        raise
    try:
        with suppress(OSError):  # a file system without locks: what is left over stays
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
        file.flush()
        os.fsync(file.fileno())
        hidden.replace(final)
    except BaseException:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        raise
    finally:
        with suppress(OSError):  # a full disk, once more
            file.close()


def _hidden_name(final: Path, mark: str) -> Path:
    """A name beside the file that readers of the folder pass over."""
    name = final.name.encode()[:MAX_NAME].decode(errors="ignore")
    return final.with_name(f".{name}.{mark}{UNFINISHED}")


def _remove_unfinished(final: Path) -> None:
    """Removes what killed processes have left of the same file. One that is still written is locked, and stays."""
    begin = _hidden_name(final, "").name.removesuffix(UNFINISHED)
    with suppress(OSError):
        left = [one for one in final.parent.iterdir() if one.name.startswith(begin) and one.suffix == UNFINISHED]
        for one in left:
            with suppress(OSError), one.open("rb+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                one.unlink()


# -- object storage ---------------------------------------------------------------------------------------------


@contextmanager
def _uploaded(storage: ObjectStorage, path: str) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        yield file
        file.flush()
        size = file.tell()
        file.seek(0)
        storage.upload(file, path)
        file.seek(size)


# -- errors -----------------------------------------------------------------------------------------------------


@contextmanager
def _mapped_errors(shown: str) -> Iterator[None]:
    """Errors of a disk or a storage library become ours; theirs may hold credentials."""
    try:
        yield
    except OSError as error:
        raise DestinationUnavailable(f"{shown} cannot be written: {_cause(error)}. No file was left there.") from None


def _cause(error: OSError) -> str:
    if error.errno in FULL:
        return "the disk, or that of temporary files, is full, or a file may not become so large"
    if error.errno is None:
        return type(error).__name__
    return os.strerror(error.errno)
