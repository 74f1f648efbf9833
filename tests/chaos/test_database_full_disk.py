# SPDX-License-Identifier: Apache-2.0
"""The disk under a SQLite ledger is full: before the campaign, between claims and answers, at any moment."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.chaos.own_ledgers import CHUNK_SIZE, HASTY, OwnScene, assert_done, assert_given_up, scene_on
from tests.chaos.people import people
from tests.chaos.stage import Stage
from tests.chaos.tiny_disks import PAGE, TinyDisk, tiny_disk

FULL = "the disk is full"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    with tiny_disk(tmp_path) as disk:
        yield disk


@pytest.fixture
def scene(stage: Stage, disk: TinyDisk) -> OwnScene:
    """A campaign whose second request the vendor accepts and does not answer until it is released."""
    return scene_on(stage, ledger_on(disk), plan={"2": "held"}, timeout=30.0)


def ledger_on(disk: TinyDisk) -> URL:
    return URL.create("sqlite", database=str(disk.folder / "ledger.db"))


@pytest.mark.parametrize("pages", [0, 4, 40])
def test_a_disk_that_is_full_before_the_first_message(scene: OwnScene, disk: TinyDisk, pages: int) -> None:
    """Nothing is sent, or what is sent is known; with room, a new try sends the rest."""
    scene.release()
    scene.patience = HASTY
    disk.fill(left=pages * PAGE)
    report = scene.run()
    assert report["state"] == "up_for_retry"
    assert FULL in report["error"] or "file cannot be read or written" in report["error"], report["error"]
    disk.empty()
    assert_whole(disk)
    assert_done(scene, scene.finish(), leeway=CHUNK_SIZE)


def test_an_answer_waits_for_room(scene: OwnScene, disk: TinyDisk) -> None:
    """The disk gets full while a request is out: the same try records its answer when there is room again."""
    child = scene.start()
    scene.wait_until(lambda: scene.arrived() == 2, "the second request")
    disk.fill()
    scene.release()
    assert child.wait(2.0) == "running"
    assert scene.arrived() == 2
    disk.empty()
    assert_done(scene, scene.ended(child))
    assert_whole(disk)


def test_an_answer_for_which_there_is_no_room_is_logged(scene: OwnScene, disk: TinyDisk) -> None:
    """With what a person needs to settle it; nothing more leaves, and only its people are in doubt afterwards."""
    scene.patience = HASTY
    child = scene.start()
    scene.wait_until(lambda: scene.arrived() == 2, "the second request")
    disk.fill()
    scene.release()
    report = scene.ended(child)
    assert_given_up(scene, report, FULL)
    assert "The ledger is not available and an answer could not be recorded." in scene.log()
    assert scene.arrived() == 2
    disk.empty()
    assert_whole(disk)
    scene.timeout = 0.5
    assert_done(scene, scene.finish(), leeway=CHUNK_SIZE)
    in_doubt = sorted(line.phone for line in scene.lines() if line.status == "unknown")
    assert in_doubt == sorted(scene.journal()[1].phones)


def test_a_disk_that_gets_full_at_any_moment_tears_nothing(
    stage: Stage, disk: TinyDisk, chance: random.Random, long: bool
) -> None:
    """With any number of pages left, so that writing fails anywhere in a transaction."""
    for number in range(30 if long else 3):
        ledger = ledger_on(disk).set(database=str(disk.folder / f"ledger{number}.db"))
        rows = people(200, chance)
        how = {"chunk_size": 10, "concurrency": 4, "patience": HASTY, "plan": {"latency": [0.01, 0.01]}}
        scene = scene_on(stage, ledger, rows, **how)
        child = scene.start()
        scene.wait_until(lambda scene=scene: scene.arrived() >= chance.randint(1, 12), "some requests")
        disk.fill(left=chance.randint(0, 24) * PAGE)
        report = scene.ended(child)
        assert report["state"] == "success" or FULL in report["error"], report["error"]
        disk.empty()
        assert_whole(disk)
        said = scene.complaints()
        assert not said, said
        scene.timeout = 0.5
        assert_done(scene, scene.finish(), leeway=4 * 10)
        for file in disk.folder.glob("ledger*"):
            file.unlink()


def assert_whole(disk: TinyDisk) -> None:
    """No ledger on it is torn."""
    for file in disk.folder.glob("*.db"):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
