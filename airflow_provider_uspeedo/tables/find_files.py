# SPDX-License-Identifier: Apache-2.0
"""Finds the files of a table: a file, all files below a folder, or a glob.

No file is left out silently. A file that is neither hidden nor empty is part of the table, or the table is refused;
what a writer has not finished is waited for; a table whose own log says which files are live is refused.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from airflow_provider_uspeedo.errors import SourceNotFound, TableError
from airflow_provider_uspeedo.tables import table_logs
from airflow_provider_uspeedo.tables.error_mapping import mapped_file_errors
from airflow_provider_uspeedo.tables.file_formats import (
    HEAD_BYTES,
    PARQUET,
    PARQUET_SUFFIXES,
    format_of,
    refusal_of_format,
)
from airflow_provider_uspeedo.tables.storage import Storage, is_hidden, storage_and_path
from airflow_provider_uspeedo.tables.unfinished import is_being_written, is_commit_folder, is_partition, written_name

MAX_CONCURRENT_LOOKS = 8
"""Each look at a remote file or folder is a round trip."""


@dataclass(frozen=True, slots=True)
class Found:
    """The files of one table.

    :param paths: sorted as text; at least one.
    :param format: of all of them: ``Parquet`` or ``CSV``.
    """

    storage: Storage
    paths: Sequence[str]
    format: str
    description: str


def find(place: str | os.PathLike[str] | Any) -> Found:
    """Find the files of a path, a URI or an ``ObjectStoragePath``.

    :raises SourceNotFound: there is nothing (yet), it is not finished, or the storage does not answer.
    :raises TableError: the text cannot be a path; Airflow knows no storage for its scheme; a file is of a format that
        is not read, or of a table with a log of its own.
    """
    storage, path = storage_and_path(place)
    shown = storage.shown(path)
    with mapped_file_errors(shown):
        finder = _Finder(storage, path)
        if storage.is_file(path):
            return finder.file()
        if storage.is_folder(path):
            return finder.many(finder.in_folder(path), f"in {shown}")
        if glob.has_magic(path):
            return finder.many(finder.in_pattern(), f"matching {shown}")
    raise SourceNotFound(f"there is no file or folder {shown}. Check the path, or wait until it has been written.")


class _Finder:
    """Looks for the files of one path; what it has listed is not asked again."""

    def __init__(self, storage: Storage, path: str) -> None:
        self._storage = storage
        self._path = path
        self._listed: dict[str, Collection[str]] = {}

    def file(self) -> Found:
        self._refuse_logged_tables([self._path])
        kind = self._format(self._path)
        return Found(self._storage, [self._path], kind, f"<{kind} file {self._storage.shown(self._path)}>")

    def many(self, found: Iterable[str], where: str) -> Found:
        by_file = {self._storage.real(path): path for path in sorted(set(found), reverse=True)}
        paths = sorted(by_file.values())
        self._refuse_logged_tables(paths)
        self._wait_for_writers()
        if not paths:
            raise SourceNotFound(
                f"there is no Parquet file or CSV file {where} (empty files, and names that start with _ or . are left "
                f"out). Check the path, or wait until one has been written."
            )
        with ThreadPoolExecutor(MAX_CONCURRENT_LOOKS) as pool:
            formats = list(pool.map(self._format, paths))
        kind = formats[0]
        for path, other in zip(paths, formats, strict=True):
            if other != kind:
                raise TableError(
                    f"{self._storage.shown(paths[0])} is {kind} and {self._storage.shown(path)} is {other}: a table is "
                    f"made of files of one format. Put them into folders of their own."
                )
        count = f"1 {kind} file" if len(paths) == 1 else f"{len(paths):,} {kind} files"
        return Found(self._storage, paths, kind, f"<{count} {where}>")

    # -- which files ----------------------------------------------------------------------------------------------

    def in_folder(self, folder: str) -> list[str]:
        folder = folder.rstrip("/") or "/"
        names: dict[str, set[str]] = {folder: set()}
        paths = []
        for entry in self._storage.below(folder):
            above, _, name = entry.path.rstrip("/").rpartition("/")
            if _is_hidden(above, folder):
                continue
            names.setdefault(above, set()).add(name)
            if entry.is_folder:
                names.setdefault(entry.path.rstrip("/"), set())
            elif not is_hidden(name) and self._has_content(entry.path, entry.size):
                paths.append(entry.path)
        self._listed.update(names)
        return paths

    def in_pattern(self) -> list[str]:
        """Matching files of any suffix, and the files in matching folders (``**`` has matched them)."""
        pattern, root = self._path, _folder_before_magic(self._path)
        paths = []
        for path in sorted(self._storage.matching(pattern)):
            if _is_hidden(path, root) and not _is_hidden(pattern, root):
                continue
            if not self._storage.is_file(path):
                if "**" not in pattern:
                    paths += self.in_folder(path)
            elif self._has_content(path, self._storage.size(path)):
                paths.append(path)
        for folder in {folder for path in paths for folder in _parents(path) if len(folder) >= len(root)}:
            if folder not in self._listed:
                names = self._storage.names(folder)
                self._listed[folder] = {name for name in names if _may_match(folder, name, pattern)}
        return paths

    @staticmethod
    def _has_content(path: str, size: int | None) -> bool:
        return size != 0 or path.lower().endswith(PARQUET_SUFFIXES)

    def _format(self, path: str) -> str:
        if path.lower().endswith(PARQUET_SUFFIXES):
            return PARQUET
        place = self._storage.shown(path)
        with mapped_file_errors(place), self._storage.open(path) as file:
            head = file.read(HEAD_BYTES)
            found = format_of(path, head)
            if found is None:
                raise refusal_of_format(place, head)
            return found

    # -- what must not be read ------------------------------------------------------------------------------------

    def _wait_for_writers(self) -> None:
        """Refuse for now what a writer has not finished, in the folders that were listed and at the table's root."""
        found = {folder: is_being_written(names) for folder, names in self._listed.items()}
        root = _folder_before_magic(self._path).rstrip("/")
        while is_partition(root.rpartition("/")[2]):  # partitions are committed at the root of their table
            root = root.rpartition("/")[0]
        if root not in found:
            found[root] = is_being_written([name for name in self._names(root) if is_commit_folder(name)])
        for folder, name in sorted(found.items()):
            if name:
                raise SourceNotFound(
                    f"{self._storage.shown(folder)} is not finished yet: a writer's {name} is there. Wait until it has "
                    f"been written; remove {name} if its writer has died."
                )

    def _refuse_logged_tables(self, paths: Sequence[str]) -> None:
        """Look at all folders above the files, by their path and where links lead; and at those that were listed."""
        places = {self._path, *paths, *self._listed}
        for path in paths:
            if kind := table_logs.table_of_name(path):
                raise table_logs.refusal(self._storage.shown(path), kind)
        places |= {self._storage.real(place) for place in places}
        folders = {*self._listed, *(folder for place in places for folder in _parents(place)), self._path.rstrip("/")}
        folders = {folder for folder in folders if folder in self._listed or not glob.has_magic(folder)}
        with ThreadPoolExecutor(MAX_CONCURRENT_LOOKS) as pool:
            for folder, kind in zip(sorted(folders), pool.map(self._logged, sorted(folders)), strict=True):
                if kind is not None:
                    raise table_logs.refusal(self._storage.shown(folder), kind)

    def _logged(self, folder: str) -> table_logs.LoggedTable | None:
        return table_logs.logged_table(folder, self._has_folder, self._names)

    def _has_folder(self, folder: str, name: str) -> bool:
        if folder in self._listed and name not in self._listed[folder]:
            return False
        with suppress(Exception):  # a folder above may not be ours to list
            return self._storage.is_folder(f"{folder}/{name}")
        return False

    def _names(self, folder: str) -> Collection[str]:
        with suppress(Exception):
            return self._storage.names(folder)
        return ()


def _parents(path: str) -> list[str]:
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _folder_before_magic(pattern: str) -> str:
    parts = pattern.split("/")
    first = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "/".join(parts[:first])


def _may_match(folder: str, name: str, pattern: str) -> bool:
    """Return whether a name matters to a pattern: that of a file being written does if the finished file will match."""
    written = written_name(name)
    patterns = (pattern, pattern.replace("**/", ""))
    return written is None or any(fnmatch(f"{folder}/{written}", one) for one in patterns)


def _is_hidden(path: str, root: str) -> bool:
    below = path.removeprefix(root.rstrip("/"))
    return any(is_hidden(part) for part in below.split("/"))
