# SPDX-License-Identifier: Apache-2.0
"""The committed tables are those of the pinned versions, and a figure stands for a job that was done."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.benchmarks import claims_alone, page
from tests.benchmarks.contender import ROOT, Contender, all_contenders
from tests.benchmarks.goals import GOALS
from tests.benchmarks.people import phone, write
from tests.benchmarks.results import Results, is_figure, missing, record
from tests.benchmarks.runner import NotMeasured, Stage, sink
from tests.benchmarks.scenes import Scene

RESULTS = Results(json.loads((ROOT / "docs" / "performance.json").read_text(encoding="utf-8")))
THREE = {"Action": "SendBatchUSMSMessage", "TaskContent": [{"Target": [{"Phone": str(number)} for number in range(3)]}]}
PLAYED = {"seconds": 2.0, "cpu": 1.0, "peak": 3, "before": 2}


def prepare_idle(job):
    """What is measured sends nothing at all."""
    return lambda: None


def prepare_wrong(job):
    """What is measured texts three people who are not in the table."""
    group = {"TemplateId": "UTA_1", "SenderId": ""}
    targets = [{"Phone": str(number), "TemplateParams": []} for number in range(3)]
    body = {"Action": "SendBatchUSMSMessage", "TaskContent": [group | {"Target": targets}]}
    return lambda: requests.post(f"{job.url}/api", json=body, timeout=5)


IDLE = Contender("idle", "", prepare_idle, place=0, peer=False)
BROKEN = Contender("broken", "", lambda job: lambda: 1 / 0, place=0, peer=False)
WRONG = Contender("wrong", "", prepare_wrong, place=0, peer=False)
CONTENDERS = (IDLE, BROKEN, WRONG)
"""Found by the process that is started for them."""


def results(**more):
    """A run of one scene with one contender."""
    scene = record(Scene(1000)) | {"plays": {"idle": {"first": [PLAYED | more]}}}
    return Results({"scenes": [scene], "imports": [0.1], "errors": []})


# -- what is committed -------------------------------------------------------------------------------------------------


def test_the_page_shows_the_figures():
    """The tables are made from the committed figures, with the contenders and goals as they are now."""
    assert page.tables(RESULTS) in page.PAGE.read_text(encoding="utf-8")


def test_the_figures_are_of_the_versions_that_are_pinned():
    """A newer peer in the constraints has to be measured again."""
    text = (ROOT / "constraints" / "peers.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    measured = {name: version for name, version in RESULTS.raw["versions"].items() if name in pinned}
    assert measured == {name: pinned[name] for name in measured}
    assert {one.distribution for _, one in all_contenders().values() if one.peer and one.distribution} == set(measured)


def test_no_measurement_of_the_committed_figures_failed():
    """A page with a gap is made again."""
    assert RESULTS.raw["errors"] == []


# -- what is measured --------------------------------------------------------------------------------------------------


def test_the_sink_counts_the_numbers_that_it_takes():
    """Two requests and a question over one connection, as a client sends them."""
    with sink(0.0) as (url, came), requests.Session() as session:
        answers = [session.post(f"{url}/api", json=THREE, timeout=5).json() for _ in range(2)]
        asked = {"Action": "QueryUSMSTemplate", "TemplateId": ["UTA_1"]}
        (template,) = session.post(f"{url}/api", json=asked, timeout=5).json()["Data"]
    assert [(answer["RetCode"], answer["SuccessCount"]) for answer in answers] == [(0, 3), (0, 3)]
    assert answers[0]["SessionNo"] != answers[1]["SessionNo"]
    assert (template["TemplateId"], template["Status"]) == ("UTA_1", 2)
    assert (came["numbers"], came["requests"], came["questions"]) == (6, 2, 1)


def test_the_sink_answers_after_its_latency():
    """Not before; how much later is the machine's affair."""
    with sink(0.2) as (url, _):
        assert requests.post(f"{url}/api", json=THREE, timeout=5).elapsed.total_seconds() >= 0.2


def test_a_contender_that_sends_nothing_is_not_measured(tmp_path):
    """Its process ends well and fast, but the sink got nothing."""
    stage = Stage(tmp_path, Path("/nowhere"), lambda kind: None)
    with pytest.raises(NotMeasured, match="got 0 numbers instead of 10"):
        stage.play(Scene(10), IDLE, __name__)


def test_a_contender_that_texts_others_is_not_measured(tmp_path):
    """As many numbers as the table has, but not those."""
    stage = Stage(tmp_path, Path("/nowhere"), lambda kind: None, reads=True)
    with pytest.raises(NotMeasured, match="other messages"):
        stage.play(Scene(3), WRONG, __name__)


def test_a_contender_that_fails_is_not_measured(tmp_path):
    """Its last words are told."""
    stage = Stage(tmp_path, Path("/nowhere"), lambda kind: None)
    with pytest.raises(NotMeasured, match="ZeroDivisionError"):
        stage.play(Scene(10), BROKEN, __name__)


@pytest.mark.parametrize("figure", [0, -1.0, float("nan"), float("inf"), None, "1"])
def test_what_is_no_figure_is_found(figure):
    """It fails the run, instead of standing on the page."""
    assert not is_figure(figure)
    assert missing(results(cpu=figure), [(Scene(1000), IDLE)], (), ()) == ["1,000 rows, idle: cpu is no figure"]


def test_what_was_not_measured_is_found():
    """A contender that was to play and did not, and a round too few."""
    assert missing(results(), [(Scene(1000), IDLE)], (), ()) == []
    assert missing(results(), [(Scene(1000, rounds=2), IDLE)], (), ()) == ["1,000 rows, idle: 1 of 2 measurements"]
    assert missing(results(), [(Scene(1000), BROKEN)], (), ()) == ["1,000 rows, broken: 0 of 1 measurements"]


def test_a_goal_that_was_not_measured_is_neither_reached_nor_missed():
    """The page of a part of the scenes says so."""
    nothing = Results({"scenes": [], "imports": [], "errors": []})
    assert {goal.verdict(nothing) for goal in GOALS} == {"not measured"}


def test_rates_and_shares_are_of_the_rows_and_the_seconds():
    """1000 rows in 2 seconds; 10 requests a second of 1000 would be all that a latency of 100 ms allows."""
    found = results()
    assert found.rate(Scene(1000), "idle") == 500
    assert Scene(1000, 100, 4).most == 40_000
    assert found.share(Scene(1000), "idle") is None


# -- the table ---------------------------------------------------------------------------------------------------------


def test_everybody_in_the_table_has_a_phone_of_their_own():
    """In the form that the API takes, so that nobody's contender has to mend it."""
    from airflow_provider_uspeedo.core.phones import normalise

    phones = [phone(number) for number in range(200_000)]
    assert len(set(phones)) == len(phones)
    assert [normalise(one, None) for one in phones[:1000]] == phones[:1000]
    assert len({phone(number) for number in range(4_900_000, 5_000_000)} | set(phones)) == 300_000


def test_the_same_table_is_made_twice(tmp_path):
    """To the byte: figures of two machines are of one table."""
    for name in ("a", "b"):
        write(tmp_path / name, 3000)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_claims_alone_are_claims(tmp_path):
    """The floor is measured of the same work: everybody is in the ledger afterwards, once."""
    found = claims_alone.measure("sqlite", [1500, 2500], tmp_path)
    assert 0 < found[1500] < found[2500]
    (file,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(file)) as connection:
        (claimed,) = connection.execute("SELECT count(*) FROM uspeedo_recipients").fetchone()
    assert claimed == 2500
