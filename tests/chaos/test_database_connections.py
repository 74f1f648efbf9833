# SPDX-License-Identifier: Apache-2.0
"""The ledger's server has no connection left: for anybody, or for the user of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import psycopg2
import pymysql
import pytest

from tests.chaos.database_servers import DatabaseServer, own_server
from tests.chaos.own_ledgers import HASTY, OwnScene, assert_done, assert_given_up, scene_on
from tests.chaos.stage import Stage
from tests.ledger.servers import plain_connection

FEW = {
    "postgresql": ("max_connections=6", "superuser_reserved_connections=2", "max_wal_senders=0"),
    "mysql": ("max-connections=10",),
}
USER = {"postgresql": "CREATE ROLE ledger LOGIN", "mysql": "CREATE USER ledger@localhost"}
OWNER = {
    "postgresql": "ALTER DATABASE {0} OWNER TO ledger",
    "mysql": "GRANT ALL ON {0}.* TO ledger@localhost",
}
LIMIT = {
    "postgresql": "ALTER ROLE ledger CONNECTION LIMIT {0}",
    "mysql": "ALTER USER ledger@localhost WITH MAX_USER_CONNECTIONS {0}",
}
NO_LIMIT = {"postgresql": -1, "mysql": 0}


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """One that lets only few in, and knows the ledger's user."""
    with own_server(request.param, *FEW[request.param]) as server:
        server.run(USER[server.kind])
        yield server


@pytest.fixture
def scene(stage: Stage, server: DatabaseServer) -> OwnScene:
    """A campaign with four threads; the vendor does not answer its second request until it is released."""
    database = server.empty_database()
    server.run(OWNER[server.kind].format(database), LIMIT[server.kind].format(NO_LIMIT[server.kind]))
    ledger = server.url(database)
    return scene_on(stage, ledger, route=ledger.set(username="ledger"), plan={"2": "held"}, concurrency=4)


def test_a_full_server_fails_the_try_before_it_sends(scene: OwnScene) -> None:
    """It says that there are too many connections and where; when the others have gone, a new try sends all."""
    scene.release()
    scene.patience = HASTY
    with all_connections_held(scene):
        report = scene.run()
    assert report["state"] == "up_for_retry"
    assert "too many connections" in report["error"]
    assert scene.journal() == []
    assert_done(scene, scene.run())


def test_a_task_waits_until_others_have_gone(scene: OwnScene) -> None:
    """Within its patience it does not even fail."""
    scene.release()
    with all_connections_held(scene):
        child = scene.start()
        assert child.wait(2.0) == "running"
    assert_done(scene, scene.ended(child))


def test_connections_that_others_take_in_mid_campaign_cost_no_answer(scene: OwnScene) -> None:
    """The task keeps those that it has: what is out is settled, and the rest is sent."""
    child = scene.start()
    scene.wait_until(lambda: scene.arrived() >= 2, "the second request")
    with all_connections_held(scene):
        scene.release()
        assert_done(scene, scene.ended(child))


def test_one_connection_for_four_threads_is_enough(scene: OwnScene, server: DatabaseServer) -> None:
    """They get in one after another; with none, the try says so."""
    scene.release()
    server.run(LIMIT[server.kind].format(1))
    assert_done(scene, scene.run())
    assert scene.route
    with closing(plain_connection(scene.route)):
        scene.patience = HASTY
        assert_given_up(scene, scene.run(), "too many connections", "airflow-uspeedo explain ledger-away")


@contextmanager
def all_connections_held(scene: OwnScene) -> Iterator[None]:
    """Takes every connection that is left, as others would."""
    assert scene.route
    with ExitStack() as held:
        with suppress(psycopg2.OperationalError, pymysql.err.OperationalError):
            while True:
                held.enter_context(closing(plain_connection(scene.route)))
        yield
