# SPDX-License-Identifier: Apache-2.0
"""A file appears under its path as a whole or not at all: after errors, full disks, kills, and in object storage."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from airflow_provider_uspeedo.errors import ConfigurationError, DestinationUnavailable
from airflow_provider_uspeedo.tables.whole_file import open_whole_file

ROOT = Path(__file__).parents[2]
BEFORE = b"of an earlier attempt"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.parquet"


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    """Object storage, as Airflow opens ``memory://``."""
    try:
        from airflow.sdk.io import attach
    except ImportError:  # Airflow 2
        from airflow.io.store import attach
    MemoryFileSystem.store.clear()
    files = MemoryFileSystem()
    attach("memory", fs=files)
    yield files
    MemoryFileSystem.store.clear()


def write(place: Any, content: bytes = b"whole") -> None:
    with open_whole_file(place) as target:
        target.file.write(content)


def write_and_fail(place: Any) -> None:
    """Fails after a part was written."""
    with open_whole_file(place) as target:
        target.file.write(b"half")
        raise KeyError("something else")


# -- on this machine --------------------------------------------------------------------------------------------


def test_a_file_replaces_another_one_when_it_is_complete(path: Path) -> None:
    """Until then the other one is there; afterwards nothing else is."""
    path.write_bytes(BEFORE)
    with open_whole_file(path) as target:
        target.file.write(b"whole")
        target.file.flush()
        assert path.read_bytes() == BEFORE
        assert target.path == str(path)
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_leaves_what_was_there(path: Path) -> None:
    """And nothing of the new file."""
    path.write_bytes(BEFORE)
    with pytest.raises(KeyError):
        write_and_fail(path)
    assert path.read_bytes() == BEFORE
    assert list(path.parent.iterdir()) == [path]


def test_the_mode_is_that_of_any_new_file(path: Path) -> None:
    """The umask of the task decides."""
    before = os.umask(0o027)
    try:
        write(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    """What it leads to is replaced."""
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere" / "x.parquet")
    write(path)
    assert path.is_symlink()
    assert (tmp_path / "elsewhere" / "x.parquet").read_bytes() == b"whole"


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    """As long as the file system allows, also in a script of several bytes a character."""
    write(tmp_path / f"{'é' * 123}.parquet")
    assert len(list(tmp_path.iterdir())) == 1


def test_paths_are_understood_as_in_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative, with a tilde, in capitals, as a URI of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("a.parquet", "~/b.PARQUET", f"file://{tmp_path}/c.parquet"):
        write(place)
    assert {one.name for one in tmp_path.iterdir() if one.is_file()} == {"a.parquet", "b.PARQUET", "c.parquet"}


KILLED = """
import os, signal, sys
from airflow_provider_uspeedo.tables.whole_file import open_whole_file
with open_whole_file(sys.argv[1]) as target:
    target.file.write(b"half")
    target.file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_no_half_file_and_the_next_one_clears_up(path: Path) -> None:
    """What it leaves is hidden from readers of the folder; two leave two, the next writer neither."""
    path.write_bytes(BEFORE)
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=ROOT, check=False)
        assert done.returncode == -signal.SIGKILL
    left = [one for one in path.parent.iterdir() if one != path]
    assert len(left) == 1  # the second one has removed that of the first
    assert left[0].name.startswith(".results.parquet.")
    assert left[0].read_bytes() == b"half"
    assert path.read_bytes() == BEFORE
    write(path)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == b"whole"


def test_two_writers_at_once_do_not_disturb_each_other(path: Path) -> None:
    """One whole file after the other; what one is still writing is not taken for a remainder."""
    with open_whole_file(path) as first:
        first.file.write(b"first")
        write(path, b"second")
        assert path.read_bytes() == b"second"
        other = path.with_name("results.parquet.parquet")
        write(other)
    assert path.read_bytes() == b"first"
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, other.name]


LIMITED = """
import resource, sys
from airflow_provider_uspeedo.errors import DestinationUnavailable
from airflow_provider_uspeedo.tables.whole_file import open_whole_file
if sys.argv[1].startswith("memory"):
    try:
        from airflow.sdk.io import attach
    except ImportError:
        from airflow.io.store import attach
    from fsspec.implementations.memory import MemoryFileSystem
    attach("memory", fs=MemoryFileSystem())
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with open_whole_file(sys.argv[1]) as target:
        for _ in range(1000):
            target.file.write(bytes(1000))
except DestinationUnavailable as error:
    print(error)
"""


@pytest.mark.parametrize("place", ["{folder}/results.parquet", "memory://full/results.parquet"])
def test_a_full_disk_is_named(path: Path, place: str) -> None:
    """Of the folder, or of the temporary file before an upload; nothing is left."""
    given = place.format(folder=path.parent)
    command = [sys.executable, "-W", "ignore", "-c", LIMITED, given]  # Airflow 2 warns of itself
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "results.parquet cannot be written: the disk, or that of temporary files, is full" in done.stdout
    assert "Traceback" not in done.stderr  # Airflow 3.1 logs its plugins there
    assert list(path.parent.iterdir()) == []


# -- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", ["", "none", "results", "results.csv", "folder/", ".parquet", "lake/.parquet", "s3://lake/", "~"]
)
def test_a_path_must_name_a_parquet_file(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that gave nothing, another format, a folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"path must name a Parquet file, with the ending \.parquet"):
        write(place)
    assert list(tmp_path.iterdir()) == []


def test_rows_are_not_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong template made text of a table."""
    monkeypatch.chdir(tmp_path)
    for place in ('[{"phone": "+85255311111"}]', ["+85255311111"], 85255311111, None, b"85255311111.parquet"):
        with pytest.raises(ConfigurationError, match="path") as caught:
            write(place)
        assert "5531" not in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """Spark writes folders with such names."""
    (tmp_path / "results.parquet").mkdir()
    with pytest.raises(ConfigurationError, match="is a folder: name a file in it"):
        write(tmp_path / "results.parquet")


def test_a_folder_in_object_storage_is_refused(memory: MemoryFileSystem) -> None:
    """Likewise."""
    memory.pipe("/results.parquet/part-0.parquet", b"x")
    with pytest.raises(ConfigurationError, match="is a folder: name a file in it"):
        write("memory://results.parquet")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """It is not made: a mount that is missing would go unnoticed."""
    with pytest.raises(ConfigurationError, match=f"create {tmp_path}/missing first"):
        write(tmp_path / "missing" / "results.parquet")


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_folder_of_another_user_is_named(tmp_path: Path) -> None:
    """Trying again does not help."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="lacks the right to make files in"):
        write(tmp_path / "results.parquet")


def test_a_scheme_that_airflow_does_not_know_is_named() -> None:
    """With what would bring it."""
    with pytest.raises(ConfigurationError, match="Airflow has no storage for 'nosuch://'"):
        write("nosuch://lake/results.parquet")


# -- object storage ---------------------------------------------------------------------------------------------


class Store(AbstractFileSystem):
    """Object storage: a file is there once its upload has been completed.

    :ivar objects: what is there.
    :ivar fails: the name of the step that fails, with a text that holds a secret.
    """

    protocol = "store"
    cachable = False
    objects: dict[str, bytes]
    fails = ""
    given_up = 0

    def isdir(self, path: str) -> bool:
        self.step("isdir")
        return False

    def _open(self, path: str, mode: str = "rb", **_options: Any) -> StoredFile:
        self.step("open")
        return StoredFile(self, path, mode, block_size=5)

    def step(self, name: str) -> None:
        if name == self.fails:
            raise RuntimeError("https://key:secret@store")


class StoredFile(AbstractBufferedFile):
    """One upload, in parts of five bytes."""

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        self.fs.step("part" if not final else "complete")
        self.parts.append(self.buffer.getvalue())
        if final:
            self.fs.objects[self.path] = b"".join(self.parts)
        return True

    def discard(self) -> None:
        self.fs.given_up += 1


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """What ``store://`` leads to, for as long as one test."""
    made = Store()
    made.objects = {"lake/results.parquet": BEFORE}
    from airflow_provider_uspeedo.tables import storage

    class At:
        """Stands for Airflow's ``ObjectStoragePath``."""

        fs, protocol, path = made, "store", "lake/results.parquet"

    monkeypatch.setattr(storage, "_airflow_path", lambda _uri: At())
    return made


URI = "store://conn@lake/results.parquet"


def test_an_upload_is_one_whole_file(store: Store) -> None:
    """It is not begun before the file is complete."""
    with open_whole_file(URI) as target:
        target.file.write(b"a whole file")
        assert store.objects == {"lake/results.parquet": BEFORE}
        assert target.path == URI
    assert store.objects == {"lake/results.parquet": b"a whole file"}
    assert target.file.closed


def test_an_error_before_the_upload_uploads_nothing(store: Store) -> None:
    """The object that is there stays."""
    with pytest.raises(KeyError):
        write_and_fail(URI)
    assert store.objects == {"lake/results.parquet": BEFORE}


@pytest.mark.parametrize("step", ["isdir", "open", "part", "complete"])
def test_an_upload_that_fails_is_given_up(store: Store, step: str) -> None:
    """No half object, also when the file is collected; and nothing of the library's own text."""
    store.fails = step
    with pytest.raises(DestinationUnavailable, match=r"RuntimeError\)\. Check the connection") as caught:
        write(URI, b"a whole file")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    store.fails = ""
    assert store.objects == {"lake/results.parquet": BEFORE}
    assert store.given_up == (step in ("part", "complete"))


@pytest.mark.parametrize(
    "given",
    ["s3://key:hidden@lake/results.csv", "s3://key:hid/den@lake/results", "https://lake/results.parquet?sig=hidden"],
)
def test_a_refused_path_is_shown_without_secrets(given: str) -> None:
    """A password before the host, and a signature."""
    with pytest.raises(ConfigurationError, match=r"with the ending \.parquet; it is '.*lake/results") as caught:
        write(given)
    assert "hid" not in str(caught.value)


def test_a_real_storage_of_fsspec(memory: MemoryFileSystem) -> None:
    """As Airflow opens it."""
    write("memory://lake/results.parquet")
    assert memory.cat("/lake/results.parquet") == b"whole"
