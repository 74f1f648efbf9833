# SPDX-License-Identifier: Apache-2.0
"""CeleryExecutor: workers that are lost in mid-campaign, and brokers that deliver a task twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from tests.chaos.airflow_home import Run
from tests.chaos.celery_workers import Workers, celery, rabbitmq, redis
from tests.chaos.people import people

Ledgers = Callable[[str], URL]
pytestmark = pytest.mark.xdist_group("airflow")  # one Airflow at a time


@contextmanager
def two_workers(folder: Path, broker: str, **environment: str) -> Iterator[Workers]:
    with celery(folder, broker, **environment) as workers:
        workers.start("worker-one")
        workers.start("worker-two")
        yield workers


def test_a_worker_is_lost_in_mid_campaign(tmp_path: Path, ledgers: Ledgers, chance: random.Random) -> None:
    """Four slices on two workers: the tasks of the lost one run again on the other, and text nobody twice."""
    with redis(tmp_path) as broker, two_workers(tmp_path, broker) as workers:
        campaign = workers.stage.campaign(people(1200, chance), ledgers("postgresql"))
        run = campaign.trigger("sliced")
        campaign.wait_for_requests(20)
        lose_a_busy_one(workers, run)
        assert len(run.done()) == 4
        assert campaign.complaints(kills=2) == []
        campaign.finish(run)


@pytest.mark.usefixtures("only_long")
def test_a_task_that_runs_longer_than_redis_waits_is_delivered_again(
    tmp_path: Path, ledgers: Ledgers, chance: random.Random
) -> None:
    """When a worker joins, Redis takes the task that another one is still at to be lost, and delivers it again."""
    impatient = {"AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "3"}
    with redis(tmp_path) as broker, celery(tmp_path, broker, **impatient) as workers:
        campaign = workers.stage.campaign(people(4000, chance), ledgers("postgresql"))
        workers.start("worker-one")
        run = campaign.trigger("whole")
        campaign.wait_for_requests(40)
        workers.start("worker-two")
        workers.stage.home.wait(workers.delivered_twice, "Redis delivers the task again")
        run.done()
        assert campaign.complaints() == []
        campaign.finish(run)


@pytest.mark.usefixtures("only_long")
def test_rabbitmq_delivers_the_tasks_of_a_lost_worker_again(
    tmp_path: Path, ledgers: Ledgers, chance: random.Random
) -> None:
    """RabbitMQ gives the tasks of a lost worker to the other at once, Airflow retries them later; twice over."""
    with ExitStack() as stack:
        workers = stack.enter_context(two_workers(tmp_path, stack.enter_context(rabbitmq())))
        campaign = workers.stage.campaign(people(2400, chance), ledgers("mysql"))
        run = campaign.trigger("sliced")
        for _ in range(2):
            campaign.wait_for_requests(20)
            lost = lose_a_busy_one(workers, run)
            workers.start(lost)
        run.done()
        assert campaign.complaints(kills=4) == []
        campaign.finish(run)


def lose_a_busy_one(workers: Workers, run: Run) -> str:
    """Loses a worker that runs a task, once there is one; returns which it was."""
    busy: list[str] = []

    def some_are_busy() -> bool:
        busy.extend(workers.busy(*(one.pid for one in run.instances() if one.is_running)))
        return bool(busy)

    workers.stage.home.wait(some_are_busy, "a worker runs a task")
    workers.lose(busy[0])
    return busy[0]
