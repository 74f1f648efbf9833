# SPDX-License-Identifier: Apache-2.0
"""The options of the chaos suite, its stage, and one database of each kind for all its campaigns."""

from __future__ import annotations

import logging
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from airflow_provider_uspeedo.ledger.ledger import Ledger
from airflow_provider_uspeedo.ledger.store.engine import open_engine
from tests.chaos.stage import Stage, random_of
from tests.chaos.storm.databases import StormDatabase
from tests.ledger.servers import empty_database

KINDS = ("sqlite", "postgresql", "mysql")
OpenStorm = Callable[[str], StormDatabase]
NOT_CHAOS = {"test_judge.py", "test_storm_verdict.py"}
"""Tests of the suite's own parts, which are quick."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chaos", choices=("short", "long"), default="short", help="how much of the chaos suite to run")
    parser.addoption("--chaos-seed", type=int, default=1, help="what chance begins with; another one, other moments")
    parser.addoption("--storm-run", type=int, default=None, help="play only this run of the storm's")
    parser.addoption("--storm-runs", type=int, default=0, help="how many runs of the storm to play")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is chaos, but for the tests of the judge."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.path.name not in NOT_CHAOS:
            item.add_marker(pytest.mark.chaos)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``kind``: every kind of database, unless the test says which; ``some_kind``: one of them in the short form."""
    said = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "kind" in metafunc.fixturenames and not any("kind" in names for names in said):
        metafunc.parametrize("kind", KINDS)
    if "some_kind" in metafunc.fixturenames:
        seed = int(metafunc.config.getoption("--chaos-seed", 1))
        one = random_of(seed, metafunc.function.__name__).choice(KINDS)
        metafunc.parametrize("some_kind", KINDS if is_long(metafunc.config) else [one])


def is_long(config: pytest.Config) -> bool:
    return str(config.getoption("--chaos", "short")) == "long"


@pytest.fixture(scope="session")
def long(pytestconfig: pytest.Config) -> bool:
    """True for the long form."""
    return str(pytestconfig.getoption("--chaos", "short")) == "long"


@pytest.fixture
def only_long(long: bool) -> None:
    """Leaves a test to the long form."""
    if not long:
        pytest.skip("only in the long form: --chaos=long")


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.getoption("--chaos-seed", 1))


@pytest.fixture
def chance(request: pytest.FixtureRequest, seed: int) -> random.Random:
    """Chance of this test alone; the report of a failure says how to have it again."""
    request.node.user_properties.append(("chaos seed", seed))
    print(f"again: pytest -m chaos '{request.node.nodeid}' --chaos-seed={seed}")
    return random_of(seed, request.node.name)


@pytest.fixture(scope="session")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], URL]]:
    """The database of a kind, the same for all campaigns of this session."""
    found: dict[str, URL] = {}
    with ExitStack() as closing:

        def ledger(kind: str) -> URL:
            if kind not in found:
                found[kind] = closing.enter_context(empty_database(kind, tmp_path_factory.mktemp("ledger")))
            return found[kind]

        yield ledger


@pytest.fixture
def open_storm(tmp_path: Path) -> Iterator[OpenStorm]:
    """Makes a database of a kind for storms, with a ledger in it."""
    memory, log = Path("/dev/shm"), logging.getLogger("airflow_provider_uspeedo")
    with ExitStack() as closing:
        closing.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)  # the journal says more, and in one order
        where = memory if os.access(memory, os.W_OK) else tmp_path
        folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="storm-", dir=where))

        def open_it(kind: str) -> StormDatabase:
            url = closing.enter_context(empty_database(kind, Path(folder)))
            ledger = Ledger(open_engine(url))
            ledger.prepare()
            ledger.close()
            database = StormDatabase(url)
            closing.callback(database.close)
            return database

        yield open_it


@pytest.fixture(scope="session")
def stage(ledgers: Callable[[str], URL]) -> Iterator[Stage]:
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=where) as folder:
        stage = Stage(Path(folder), ledgers)
        try:
            yield stage
        finally:
            stage.close()
