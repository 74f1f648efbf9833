# SPDX-License-Identifier: Apache-2.0
"""A real Airflow with its own scheduler, supervisor and task processes, and everything that happens to a run in it."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.engine import URL

from tests.chaos.airflow_campaigns import Theatre, theatre
from tests.chaos.airflow_home import Instance, Run
from tests.chaos.people import people

PEOPLE = 2000
"""As many rows are 100 requests: twenty-five seconds for one task."""
Ledgers = Callable[[str], URL]
pytestmark = pytest.mark.xdist_group("airflow")  # one Airflow at a time


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with theatre(tmp_path_factory.mktemp("airflow")) as opened:
        yield opened


def test_a_campaign_outlives_everything_that_happens_to_its_run(
    airflow: Theatre, ledgers: Ledgers, chance: random.Random
) -> None:
    """Killed, terminated, orphaned, cleared, beside a second run, cleared again: in the end all are texted once."""
    campaign = airflow.campaign(people(PEOPLE, chance), ledgers("sqlite"))
    run = campaign.trigger("whole")
    campaign.wait_for_requests(5)
    killed = run.running()
    killed.kill()
    terminated = run.running(after=killed)
    campaign.wait_for_requests(8)
    terminated.signal(signal.SIGTERM)
    orphaned = run.running(after=terminated)
    campaign.wait_for_requests(8)
    airflow.home.kill_scheduler()
    airflow.home.start_scheduler()
    run.running(after=orphaned)
    campaign.wait_for_requests(8)
    run.clear()
    beside = campaign.trigger("whole", "beside")
    run.done()
    beside.done()
    assert campaign.complaints(kills=4) == []
    campaign.finish(run, beside)
    before = len(campaign.arrivals())
    run.clear()
    run.done()
    assert len(campaign.arrivals()) == before, "a Clear of a finished task sent a request"


def test_slices_text_one_table_between_them(airflow: Theatre, ledgers: Ledgers, chance: random.Random) -> None:
    """Four mapped tasks with a slice each, one of them killed: every row has one fate."""
    campaign = airflow.campaign(people(1200, chance), ledgers("sqlite"))
    run = campaign.trigger("sliced")
    campaign.wait_for_requests(20)
    run.running().kill()
    assert len(run.done()) == 4
    assert campaign.complaints(kills=1) == []
    campaign.finish(run)


@pytest.mark.usefixtures("only_long")
def test_tasks_are_killed_at_random_moments(
    airflow: Theatre, kind: str, ledgers: Ledgers, chance: random.Random
) -> None:
    """``kill -9`` of seven tries at random moments; when no retry is left, somebody clears the task."""
    campaign = airflow.campaign(people(PEOPLE, chance), ledgers(kind))
    run, last = campaign.trigger("whole"), None
    for _ in range(7):
        last = run.running(after=last)
        campaign.wait_for_requests(chance.randrange(15))
        last.kill()
    run.done()
    assert campaign.complaints(kills=7) == []
    campaign.finish(run)


def terminate(run: Run, running: Instance) -> None:
    running.signal(signal.SIGTERM)


def terminate_supervisor(run: Run, running: Instance) -> None:
    running.supervisor().terminate()


def mark_failed_and_clear(run: Run, running: Instance) -> None:
    run.mark_failed()
    run.clear()


def clear(run: Run, running: Instance) -> None:
    run.clear()


@pytest.mark.usefixtures("only_long")
@pytest.mark.parametrize("stop", [terminate, terminate_supervisor, mark_failed_and_clear, clear])
def test_a_terminated_task_leaves_no_outcome_unknown(
    airflow: Theatre, stop: Callable[[Run, Instance], None], ledgers: Ledgers, chance: random.Random
) -> None:
    """What is in flight is settled within Airflow's grace, and the next try goes on."""
    campaign = airflow.campaign(people(PEOPLE, chance), ledgers("sqlite"))
    run, stopped = campaign.trigger("whole"), None
    for _ in range(2):
        stopped = run.running(after=stopped)
        campaign.wait_for_requests(10)
        stop(run, stopped)
    run.running(after=stopped)
    assert [one.state for one in run.done()] == ["success"]
    assert campaign.complaints() == []
    assert campaign.statuses()["unknown"] == 0


@pytest.mark.usefixtures("only_long")
def test_a_task_whose_supervisor_is_dead_and_the_try_that_follows_it(
    airflow: Theatre, kind: str, ledgers: Ledgers, chance: random.Random
) -> None:
    """The supervisor is killed and its task lives on, while Airflow gives it up and starts the next try."""
    campaign = airflow.campaign(people(PEOPLE * 2, chance), ledgers(kind))
    run = campaign.trigger("whole")
    campaign.wait_for_requests(5)
    orphan = run.running()
    orphan.supervisor().kill()
    campaign.wait_for_requests(10)
    run.running(after=orphan)
    assert orphan.is_alive(), "the task ended before Airflow gave it up: make the table longer"
    run.done()
    assert campaign.complaints(kills=1) == []
    campaign.finish(run)


@pytest.mark.usefixtures("only_long")
def test_a_backfill_of_one_campaign(airflow: Theatre, ledgers: Ledgers, chance: random.Random) -> None:
    """Three days at once under the same name, one of them killed: three readings of one table, each person once."""
    campaign = airflow.campaign(people(PEOPLE, chance), ledgers("sqlite"))
    days = airflow.home.backfill("daily", "2026-01-02", "2026-01-04", campaign.conf)
    campaign.wait_for_requests(20)
    days[1].running().kill()
    assert len([day.done() for day in days]) == 3
    assert campaign.complaints(kills=1) == []
    campaign.finish(*days)


@pytest.mark.usefixtures("only_long")
def test_the_scheduler_is_killed_again_and_again(
    airflow: Theatre, kind: str, ledgers: Ledgers, chance: random.Random
) -> None:
    """Slices whose scheduler dies twice: the tasks it had started live on beside those that the next one starts."""
    campaign = airflow.campaign(people(PEOPLE * 2, chance), ledgers(kind), latency=[0.8, 0.8])
    run = campaign.trigger("sliced")
    for _ in range(2):
        campaign.wait_for_requests(20)
        last = max(run.instances(), key=lambda one: one.try_number)
        airflow.home.kill_scheduler()
        airflow.home.start_scheduler()
        run.running(after=last)
    run.done()
    assert campaign.complaints() == []
    campaign.finish(run)
