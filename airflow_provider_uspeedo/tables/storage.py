# SPDX-License-Identifier: Apache-2.0
"""Where files are: the file system of this machine, or object storage as Airflow opens it."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from airflow_provider_uspeedo.core.rows_as_text import is_rows_as_text
from airflow_provider_uspeedo.errors import DestinationUnavailable, SourceNotFound, TableError

LOCAL_PROTOCOLS = ("file", "local")
NOTHING = ("none", "null", "nan", "undefined", "[]", "{}", "()")
"""What a template makes of an argument that it was not given."""
UPLOADED_AT_ONCE = 8 * 2**20
"""Bytes."""
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_hidden(name: str) -> bool:
    """Whether a file or folder below the given path is no part of the table: ``_SUCCESS``, ``.x.crc``, ...

    A folder of a partition is part of it, also of a column that is called ``_dt``: so Spark writes and reads it.
    """
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


@dataclass(frozen=True, slots=True)
class StorageEntry:
    """A file or a folder.

    :param size: in bytes; ``None`` if the storage does not say.
    """

    path: str
    is_folder: bool
    size: int | None = None


class Storage(Protocol):
    """Files with ``/`` between the parts of their paths."""

    is_remote: bool

    def is_file(self, path: str) -> bool: ...
    def is_folder(self, path: str) -> bool: ...

    def below(self, folder: str) -> Iterable[StorageEntry]:
        """Every file and folder below the folder, at any depth; what is in hidden folders may be left out."""

    def names(self, folder: str) -> Collection[str]:
        """The names of what is directly in the folder; none if it does not exist."""

    def matching(self, pattern: str) -> Iterable[str]:
        """Files and folders that match; ``**`` stands for any number of folders."""

    def size(self, path: str) -> int | None:
        """The size of a file in bytes, if it is known."""

    def real(self, path: str) -> str:
        """The absolute path that is the same for all links to a file."""

    def open(self, path: str) -> AbstractContextManager[Any]:
        """Open a file as what Arrow reads from."""

    def shown(self, path: str) -> str:
        """Return the path without credentials, for messages."""


class LocalStorage:
    """The file system of this machine.

    :param shown_before: what a URI has before the path.
    """

    is_remote = False

    def __init__(self, shown_before: str = "") -> None:
        self._shown_before = shown_before

    def is_file(self, path: str) -> bool:
        return Path(path).is_file()

    def is_folder(self, path: str) -> bool:
        return Path(path).is_dir()

    def below(self, folder: str) -> Iterator[StorageEntry]:
        return self._walk(folder, {self.real(folder)})

    def _walk(self, folder: str, seen: set[str]) -> Iterator[StorageEntry]:
        """Follow links to folders; a folder that was read already, such as one above, is not read again."""
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            hidden = is_hidden(entry.name)
            if not entry.is_dir():
                yield StorageEntry(entry.path, is_folder=False, size=None if hidden else self.size(entry.path))
                continue
            yield StorageEntry(entry.path, is_folder=True)
            real = self.real(entry.path)
            if not hidden and real not in seen:
                seen.add(real)
                yield from self._walk(entry.path, seen)

    def names(self, folder: str) -> Collection[str]:
        return set(os.listdir(folder)) if self.is_folder(folder) else ()  # noqa: PTH208 - names, as in object storage

    def matching(self, pattern: str) -> Iterable[str]:
        return glob.glob(pattern, recursive=True)  # noqa: PTH207 - pathlib refuses absolute ones

    def size(self, path: str) -> int | None:
        try:
            return os.stat(path).st_size  # noqa: PTH116 - for each of many files
        except FileNotFoundError:
            raise SourceNotFound(f"{self.shown(path)} is a link to a file that is not there (yet).") from None

    def real(self, path: str) -> str:
        return os.path.realpath(path)

    def open(self, path: str) -> AbstractContextManager[Any]:
        return pa.OSFile(path, "rb")  # type: ignore[no-any-return]

    def shown(self, path: str) -> str:
        return self._shown_before + path


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

    def below(self, folder: str) -> Iterator[StorageEntry]:
        found = self._files.find(folder, withdirs=True, detail=True)
        folders = {name for name, info in found.items() if info.get("type") == "directory"}
        for name in list(found):  # a store without folders may not list them
            parts = name.split("/")
            folders.update("/".join(parts[:end]) for end in range(folder.rstrip("/").count("/") + 2, len(parts)))
        yield from (
            StorageEntry(name, is_folder=True) for name in sorted(folders) if name.rstrip("/") != folder.rstrip("/")
        )
        for name, info in found.items():
            if name not in folders:
                yield StorageEntry(name, is_folder=False, size=info.get("size"))

    def names(self, folder: str) -> Collection[str]:
        with suppress(FileNotFoundError):
            return {name.rstrip("/").rpartition("/")[2] for name in self._files.ls(folder, detail=False)}
        return ()

    def matching(self, pattern: str) -> Iterable[str]:
        return self._files.glob(pattern)  # type: ignore[no-any-return]

    def size(self, path: str) -> int | None:
        return self._files.info(path).get("size")  # type: ignore[no-any-return]

    def real(self, path: str) -> str:
        return path

    def open(self, path: str) -> AbstractContextManager[Any]:
        return self._files.open(path, "rb")  # type: ignore[no-any-return]

    def upload(self, file: BinaryIO, path: str) -> None:
        """Writes the rest of a file to the path, where it appears when it is complete.

        :raises DestinationUnavailable: it failed.
        """
        try:
            with _given_up_on_error(self._files.open(path, "wb")) as target:
                shutil.copyfileobj(file, target, UPLOADED_AT_ONCE)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - any storage library may be below, and its text hold credentials
            raise DestinationUnavailable(
                f"{self.shown(path)} cannot be written: its storage failed ({type(error).__name__}). Check the "
                "connection that the URI names, and its rights."
            ) from None

    def shown(self, path: str) -> str:
        name, question, rest = path.partition("?")
        signed = question and "=" in rest
        return f"{self._protocol}://{name if signed else path}{'?***' if signed else ''}"


@contextmanager
def _given_up_on_error(target: Any) -> Iterator[Any]:
    """Closes a file of fsspec, which completes its upload, only if there was no error; its own block always does."""
    try:
        yield target
        target.close()
    except BaseException:
        with suppress(Exception):
            target.discard()
        with suppress(Exception):
            target.closed = True  # else it is closed when it is collected
        raise


def storage_and_path(place: str | os.PathLike[str] | Any) -> tuple[Storage, str]:
    """Return where the path, the URI or the ``ObjectStoragePath`` is, and its path there.

    :raises SourceNotFound: the storage does not answer.
    :raises TableError: the text cannot be a path, or Airflow knows no storage for its scheme.
    """
    if not isinstance(place, str):
        if _is_object_storage_path(place):
            return _object_storage(place)
        place = os.fspath(place)
    _check_path(place)
    if _SCHEME.match(place):
        return _object_storage(place)
    path = os.path.expanduser(place)  # noqa: PTH111 - stays text: its last part may be a pattern
    return LocalStorage(), os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118 - likewise


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
        if protocol in LOCAL_PROTOCOLS and type(files).__name__ == "LocalFileSystem":
            return LocalStorage("file://"), str(files._strip_protocol(str(path.path)))  # noqa: SLF001 - as it opens it
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
