# SPDX-License-Identifier: Apache-2.0
"""Finds Parquet files: a file, all files below a folder, or a glob; local or in object storage."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text
from airflow_provider_uspeedo.errors import SourceNotFound, TableError
from airflow_provider_uspeedo.tables.error_mapping import mapped_file_errors

SUFFIXES = (".parquet", ".parq")
"""Suffixes of Parquet files in a folder. A file that is named itself may have any."""
HIDDEN = ("_", ".")
"""Files and folders below the given path that start so are not part of the table: ``_SUCCESS``, ``_delta_log``, ..."""

NOTHING = ("none", "null", "nan", "undefined", "[]", "{}", "()")
"""What a template makes of an argument that it was not given."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class Storage(Protocol):
    """Files with ``/`` between the parts of their paths."""

    is_remote: bool

    def is_file(self, path: str) -> bool: ...
    def is_folder(self, path: str) -> bool: ...

    def below(self, folder: str) -> Iterable[str]:
        """Every file below the folder, at any depth."""

    def matching(self, pattern: str) -> Iterable[str]:
        """Files and folders that match; ``**`` stands for any number of folders."""

    def open(self, path: str) -> AbstractContextManager[object]:
        """Open a file as what Arrow reads from."""

    def shown(self, path: str) -> str:
        """Return the path without credentials, for messages."""


class LocalStorage:
    """The file system of this machine."""

    is_remote = False

    def is_file(self, path: str) -> bool:
        return Path(path).is_file()

    def is_folder(self, path: str) -> bool:
        return Path(path).is_dir()

    def below(self, folder: str) -> Iterator[str]:
        for where, _, names in os.walk(folder):
            yield from (os.path.join(where, name) for name in names)  # noqa: PTH118 - as strings, like object storage

    def matching(self, pattern: str) -> Iterable[str]:
        return glob.glob(pattern, recursive=True)  # noqa: PTH207 - pathlib cannot match an absolute pattern

    def open(self, path: str) -> AbstractContextManager[object]:
        return pa.OSFile(path, "rb")  # type: ignore[no-any-return]

    def shown(self, path: str) -> str:
        return path


class ObjectStorage:
    """A file system of fsspec, as Airflow's ``ObjectStoragePath`` opens it with a connection's credentials."""

    is_remote = True

    def __init__(self, file_system: Any, protocol: str) -> None:
        self._files = file_system
        self._protocol = protocol

    def is_file(self, path: str) -> bool:
        return bool(self._files.isfile(path))

    def is_folder(self, path: str) -> bool:
        return bool(self._files.isdir(path))

    def below(self, folder: str) -> Iterable[str]:
        return self._files.find(folder)  # type: ignore[no-any-return]

    def matching(self, pattern: str) -> Iterable[str]:
        return self._files.glob(pattern)  # type: ignore[no-any-return]

    def open(self, path: str) -> AbstractContextManager[object]:
        return self._files.open(path, "rb")  # type: ignore[no-any-return]

    def shown(self, path: str) -> str:
        name, question, rest = path.partition("?")
        signed = question and "=" in rest
        return f"{self._protocol}://{name if signed else path}{'?***' if signed else ''}"


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one table.

    :param paths: sorted as text; at least one.
    """

    storage: Storage
    paths: Sequence[str]
    description: str


def find(place: str | os.PathLike[str] | Any) -> Found:
    """Find the Parquet files of a path, a URI or an ``ObjectStoragePath``.

    :raises SourceNotFound: there is nothing (yet), or the storage does not answer.
    :raises TableError: the text cannot be a path, or Airflow knows no storage for its scheme.
    """
    storage, path = _storage_and_path(place)
    shown = storage.shown(path)
    with mapped_file_errors(shown):
        if storage.is_file(path):
            return Found(storage, [path], f"<Parquet file {shown}>")
        if storage.is_folder(path):
            return _many(storage, _in_folder(storage, path), f"in {shown}")
        if glob.has_magic(path):
            return _many(storage, _in_pattern(storage, path), f"matching {shown}")
    raise SourceNotFound(f"there is no file or folder {shown}. Check the path, or wait until it has been written.")


def _many(storage: Storage, found: Iterable[str], where: str) -> Found:
    paths = sorted(set(found))
    if not paths:
        raise SourceNotFound(
            f"there is no Parquet file {where} (names that start with _ or . are left out). "
            f"Check the path, or wait until one has been written."
        )
    count = "1 Parquet file" if len(paths) == 1 else f"{len(paths):,} Parquet files"
    return Found(storage, paths, f"<{count} {where}>")


def _in_folder(storage: Storage, folder: str) -> Iterator[str]:
    for path in storage.below(folder):
        if path.lower().endswith(SUFFIXES) and not _is_hidden(path, folder):
            yield path


def _in_pattern(storage: Storage, pattern: str) -> Iterator[str]:
    """Take matching files of any suffix, and the Parquet files in matching folders (``**`` has matched them)."""
    root = _folder_before_magic(pattern)
    for path in storage.matching(pattern):
        if _is_hidden(path, root) and not _is_hidden(pattern, root):
            continue
        if storage.is_file(path):
            yield path
        elif "**" not in pattern:
            yield from _in_folder(storage, path)


def _folder_before_magic(pattern: str) -> str:
    parts = pattern.split("/")
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return "/".join(parts[:first])


def _is_hidden(path: str, root: str) -> bool:
    below = path.removeprefix(root.rstrip("/"))
    return any(part.startswith(HIDDEN) for part in below.split("/"))


def _storage_and_path(place: str | os.PathLike[str] | Any) -> tuple[Storage, str]:
    if not isinstance(place, str):
        if _is_object_storage_path(place):
            return _object_storage(place)
        place = os.fspath(place)
    _check_path(place)
    if _SCHEME.match(place):
        return _object_storage(place)
    return LocalStorage(), os.path.expanduser(place)  # noqa: PTH111 - stays text: its last part may be a pattern


def _check_path(place: object) -> None:
    """Refuse text that is not a path, without showing it: rows that a template turned into text hold phones."""
    if not isinstance(place, str):
        raise TableError("recipients is a path of bytes. Give it as text.")
    if not place.strip() or "".join(place.split()).lower() in NOTHING:
        raise TableError(
            f"recipients is empty ({place.strip()!r}): a template, a field of the Trigger form or the task before gave "
            f"no table. Give the path of a Parquet or CSV file or folder, or a table."
        )
    if is_rows_as_text(place):
        raise TableError(
            "recipients is a text, but not a path: it looks like rows that a template turned into text. Pass the "
            "output of the task itself (my_task.output), or set render_template_as_native_obj=True on the DAG."
        )
    if not place.strip("./~"):
        raise TableError(
            f"recipients is {place!r}, which is no table. Give the path of a Parquet or CSV file or folder."
        )


def is_path(place: object) -> bool:
    """Return whether this is text, a path, or an ``ObjectStoragePath`` (recognised by its attributes)."""
    return isinstance(place, str | os.PathLike) or _is_object_storage_path(place)


def _is_object_storage_path(place: object) -> bool:
    return all(hasattr(type(place), name) for name in ("fs", "path", "protocol"))


def _object_storage(place: Any) -> tuple[Storage, str]:
    scheme = _SCHEME.match(place) if isinstance(place, str) else None
    try:
        path = _airflow_path(place) if scheme else place
        protocol = str(path.protocol or "file")
        files = path.fs
        files.invalidate_cache()  # a cached listing would hide files that were written since
        return ObjectStorage(files, protocol), str(files._strip_protocol(str(path.path)))  # noqa: SLF001 - as find() gives them
    except (ValueError, ImportError) as error:
        raise TableError(
            f"Airflow has no storage for {scheme.group() if scheme else 'this path'!r} ({type(error).__name__}). "
            f"Install the provider that brings it (Amazon for s3://, Google for gs://, ...)."
        ) from None
    except Exception as error:  # noqa: BLE001 - any connection or provider; the message may hold credentials
        raise SourceNotFound(
            f"the storage of {scheme.group() if scheme else 'this path'!r} cannot be opened ({type(error).__name__}). "
            f"Check the connection that the URI names."
        ) from None


def _airflow_path(uri: str) -> Any:
    for module in ("airflow.providers.common.compat.sdk", "airflow.sdk", "airflow.io.path"):
        with suppress(ImportError):  # an older Airflow, or an older common-compat
            return import_module(module).ObjectStoragePath(uri)
    raise ImportError("ObjectStoragePath")
