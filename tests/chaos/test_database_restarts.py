# SPDX-License-Identifier: Apache-2.0
"""The ledger's server is killed and started again in mid-campaign: soon, late, or for the next try."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count

import pytest

from tests.chaos.database_servers import DatabaseServer, own_server
from tests.chaos.own_ledgers import CHUNK_SIZE, HASTY, OwnScene, assert_done, assert_given_up, behind_proxy, scene_on
from tests.chaos.people import people
from tests.chaos.proxy import AtCommit, Link
from tests.chaos.stage import Stage

FORGETFUL = {
    "postgresql": ("synchronous_commit=off", "wal_writer_delay=10s"),
    "mysql": ("innodb-flush-log-at-trx-commit=0",),
}
"""Settings with which a server may forget what it has acknowledged when it crashes."""


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    with own_server(request.param) as server:
        yield server


@pytest.fixture
def own_scene(stage: Stage, server: DatabaseServer) -> OwnScene:
    """A campaign whose second request the vendor accepts and does not answer until it is released."""
    return scene_on(stage, server.url(server.empty_database()), plan={"2": "held"}, timeout=30.0)


@pytest.mark.parametrize("acknowledged", [False, True], ids=["before the commit", "after it"])
def test_a_crash_at_any_commit_costs_nothing(
    stage: Stage, server: DatabaseServer, acknowledged: bool, chance: random.Random, long: bool
) -> None:
    """The server dies with a commit under way and comes back: the same try finishes, and nobody is in doubt."""

    def crash(link: Link, message: bytes) -> None:
        if acknowledged:
            link.forward(message)
            link.swallow_answer()
        server.kill()
        link.cut()
        server.start()

    for number in count(1) if long else chance.sample(range(1, 13), 2):
        at = AtCommit(number, crash)
        with behind_proxy(stage, server, at) as scene:
            assert_done(scene, scene.run())
        if not at.happened:
            break


@pytest.mark.parametrize("gently", [False, True], ids=["killed", "stopped"])
def test_a_try_waits_for_a_server_that_comes_back(
    stage: Stage, server: DatabaseServer, gently: bool, chance: random.Random, long: bool
) -> None:
    """Away for some seconds in the middle of everything: what was under way is settled, and nobody is in doubt."""
    for _ in range(3 if long else 1):
        rows = people(400, chance)
        ledger = server.url(server.empty_database())
        scene = scene_on(stage, ledger, rows, plan={"latency": [0.02, 0.02]}, chunk_size=10, concurrency=4)
        child = scene.start()
        scene.wait_until(lambda scene=scene: scene.arrived() >= chance.randint(1, 25), "some requests")
        server.stop() if gently else server.kill()
        time.sleep(chance.uniform(2, 5) if long else 1)
        server.start()
        assert_done(scene, scene.ended(child))


def test_an_answer_waits_for_a_server_that_comes_back(own_scene: OwnScene, server: DatabaseServer) -> None:
    """The server dies while a request is out, and the answer comes first: it is recorded all the same."""
    child = own_scene.start()
    own_scene.wait_until(lambda: own_scene.arrived() == 2, "the second request")
    server.kill()
    own_scene.release()
    assert child.wait(1.0) == "running"
    server.start()
    assert_done(own_scene, own_scene.ended(child))


def test_a_server_that_stays_away_fails_the_try_and_not_the_campaign(
    stage: Stage, server: DatabaseServer, chance: random.Random, long: bool
) -> None:
    """The task says where its ledger should be; a new try goes on where it stopped."""
    for _ in range(4 if long else 1):
        rows = people(200, chance)
        ledger = server.url(server.empty_database())
        how = {"chunk_size": 10, "concurrency": 4, "patience": HASTY}
        scene = scene_on(stage, ledger, rows, plan={"latency": [0.02, 0.02]}, **how)
        child = scene.start()
        scene.wait_until(lambda scene=scene: scene.arrived() >= chance.randint(1, 15), "some requests")
        server.kill()
        report = scene.ended(child)
        server.start()
        scene.timeout = 0.5
        assert_given_up(
            scene, report, "it refuses connections", f"127.0.0.1:{server.port}", "airflow-uspeedo explain ledger-away"
        )
        assert_done(scene, scene.finish(), leeway=4 * 10)


def test_an_answer_that_cannot_be_recorded_is_logged(own_scene: OwnScene, server: DatabaseServer) -> None:
    """With all that a person needs to settle it by hand, and without a phone; only its people are in doubt."""
    own_scene.patience = HASTY
    own_scene.timeout = 2.0
    child = own_scene.start()
    own_scene.wait_until(lambda: own_scene.arrived() == 2, "the second request")
    server.kill()
    own_scene.release()
    report = own_scene.ended(child)
    server.start()
    assert_given_up(own_scene, report, "#ledger-away")
    assert "The ledger is not available and an answer could not be recorded." in own_scene.log()
    assert f"SessionNo {own_scene.journal()[1].session}," in own_scene.log()
    own_scene.timeout = 0.5
    assert_done(own_scene, own_scene.finish(), leeway=CHUNK_SIZE)
    assert _in_doubt(own_scene) == sorted(own_scene.journal()[1].phones)


def test_what_was_marked_sending_is_not_forgotten_by_a_server_that_crashes(
    own_scene: OwnScene, server: DatabaseServer
) -> None:
    """Task and server die with a request out, and the server was told it may forget: nobody of it is texted again."""
    server.restart(*FORGETFUL[server.kind] if server.kind == "postgresql" else ())
    child = own_scene.start()
    own_scene.wait_until(lambda: own_scene.arrived() == 2, "the second request")
    server.kill()
    own_scene.release()
    assert own_scene.kill(child)
    server.start()
    own_scene.timeout = 0.5
    report = own_scene.finish()
    assert_done(own_scene, report, leeway=CHUNK_SIZE)
    assert _in_doubt(own_scene) == sorted(own_scene.journal()[1].phones)


def test_a_server_that_may_forget_is_refused(stage: Stage, server: DatabaseServer) -> None:
    """Where no session can ask for better: what it forgets would be sent again."""
    if server.kind == "postgresql":
        pytest.skip("every session of PostgreSQL can ask for better")
    server.restart(*FORGETFUL[server.kind])
    scene = scene_on(stage, server.url(server.empty_database()))
    report = scene.run()
    assert (report["state"], scene.journal()) == ("failed", [])
    assert "innodb_flush_log_at_trx_commit" in report["error"]
    server.restart()
    assert_done(scene, scene.run())


def _in_doubt(scene: OwnScene) -> list[str]:
    return sorted(line.phone for line in scene.lines() if line.status == "unknown")
