# SPDX-License-Identifier: Apache-2.0
"""Messy tables, ledgers with a history and small tables: what they hold, and what is made of their figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks import own, page_own, with_policy
from tests.benchmarks.command import list_campaigns
from tests.benchmarks.contender import Job, all_contenders
from tests.benchmarks.documented import ask_once, queries
from tests.benchmarks.messy import CASES, CLEAN, INVALID, NEW_ROWS
from tests.benchmarks.results import OWN, SQLITE, Results, is_figure, missing
from tests.benchmarks.runner import NotMeasured, Stage, messages_of
from tests.benchmarks.turns import Turns
from tests.ledger.servers import KINDS, empty_database


def played(seconds):
    """What a process of this package measured."""
    return {"cpu": 1.0, "peak": 3, "before": 2, "seconds": seconds, "each": [seconds, seconds], "sink_cpu": 0.25}


def whole():
    """A run of this package alone, in which every second run took twice as long as the first."""
    plays = {case.name: {name: {"first": [played(2.0)], "again": [played(4.0)]} for name in OWN} for case in CASES}
    old = {case.name: {"empty": [played(2.0)], "history": [played(4.0)]} for case in (CLEAN, INVALID)}
    listed = [{"seconds": 2.0, "cpu": 1.0}]
    history = {"made": played(9.0), "plays": old, "queries": {"How it went": 0.5, "What waits": 2.0}, "list": listed}
    warm = {"1000": [played(0.5)], "10000": [played(1.0)]}
    small = {"warm": warm, "cold": [played(1.0)], "daily": played(3.0), "list": listed}
    return {
        "scenes": [],
        "imports": [0.1],
        "errors": [],
        "messy": {"rows": 1000, "rounds": 1, "plays": plays},
        "history": {
            "recipients": 10_000,
            "campaigns": 10,
            "rows": 1000,
            "rounds": 1,
            "ledgers": dict.fromkeys(OWN, history),
        },
        "small": {"rows": [1000, 10_000], "rounds": 1, "daily": 2, "ledgers": dict.fromkeys(OWN, small)},
    }


def package_on(tmp_path):
    """This package with its ledger in SQLite, to be measured in an empty place."""
    stage = Stage(tmp_path, Path("/nowhere"), lambda kind: None, reads=True)
    return Turns(stage, {SQLITE: all_contenders()[SQLITE]})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_messy_table_asks_for_the_messages_that_are_expected(case, tmp_path):
    """Counted in the table itself, as the API must get them."""
    table, clean = case.table(1000, tmp_path), CLEAN.table(1000, tmp_path)
    assert len(list(messages_of(table, clean if case.again else None))) == case.numbers(1000)
    assert sum(case.expects(1000).values()) == 1000 + (case.changed(1000) if case is NEW_ROWS else 0)


@pytest.mark.parametrize("case", [case for case in CASES if 0 < case.share < 1], ids=lambda case: case.name)
def test_what_is_messy_is_spread_over_the_table(case, tmp_path):
    """Rows are changed or added in each quarter of it, and a duplicate may come before its copy."""
    from pyarrow import parquet

    clean, table = (parquet.read_table(one.table(4000, tmp_path)).to_pylist() for one in (CLEAN, case))
    known = {json.dumps(row) for row in clean} if case is NEW_ROWS else set()
    if known:
        places = [number for number, row in enumerate(table) if json.dumps(row) not in known]
    else:
        places = [number for number, (one, other) in enumerate(zip(clean, table, strict=True)) if one != other]
    assert len(places) == case.changed(4000)
    assert {place * 4 // len(table) for place in places} == {0, 1, 2, 3}


def test_every_name_has_a_quote_in_the_table_of_quotes(tmp_path):
    """A quote is what JSON must escape."""
    (case,) = (case for case in CASES if case.name == "quotes")
    assert all('"' in message[3] for message in messages_of(case.table(100, tmp_path)))


def test_a_policy_that_excludes_no_recipient_sends_the_same_messages(tmp_path):
    """Else its seconds would be of another table."""
    found = with_policy.with_policy(package_on(tmp_path), 300, 1, listed=50)
    (plays,) = found["plays"].values()
    assert [len(plays[run]) for run in ("without", "with")] == [1, 1]
    assert is_figure(with_policy.times(plays))
    assert "| Times | " in "\n".join(with_policy.page(found))
    assert list(with_policy.page(None)) == []


def test_a_table_of_invalid_rows_ends_as_expected(tmp_path):
    """The task fails and nobody is texted: a measurement, not an error."""
    turns = package_on(tmp_path)
    (case,) = (case for case in CASES if case.fails)
    with turns.stage.place(turns.who[SQLITE][1]) as place:
        figures = own.send(turns, SQLITE, place, case, 1000)
    assert (figures["numbers"], is_figure(figures["each"][0])) == (0, True)


def test_a_campaign_with_other_outcomes_is_not_measured(tmp_path):
    """The summary must count what the table was made for."""
    turns = package_on(tmp_path)
    module, contender = turns.who[SQLITE]
    table = str(CLEAN.table(1000, turns.stage.tables))
    with turns.stage.place(contender) as place, pytest.raises(NotMeasured, match="'accepted': 1000"):
        turns.stage.measure(contender, module, Job(table, "", place.folder, 4, expects={"accepted": 999}), 1000)


def test_a_list_without_the_campaign_is_not_measured(tmp_path):
    """The command must have looked at the ledger in question."""
    turns = package_on(tmp_path)
    with pytest.raises(NotMeasured, match="no ledger"):
        list_campaigns(
            turns.stage.surroundings(turns.who[SQLITE][1], Job("", "", str(tmp_path), 1)),
            "benchmark",
            connection=False,
            processes=1,
        )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_the_documented_queries_are_found_in_the_page(kind):
    """Five for every database and two of its own, all about the campaign that is asked for or about what waits."""
    found = queries(kind, "another campaign")
    assert len(found) == 7
    assert sum("'another campaign'" in query for query in found.values()) == 6
    assert not any("invoices" in query for query in found.values())
    assert not any("`" in query for query in found.values()) or kind == "mysql"


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n"
SLEEP = {"sqlite": ENDLESS, "postgresql": "SELECT pg_sleep(60)", "mysql": "SELECT benchmark(100000000000, md5('x'))"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_without_an_answer_is_cancelled(kind, tmp_path):
    """It counts with the seconds that it had; a query that is wrong is an error."""
    with empty_database(kind, tmp_path) as url:
        assert 0.5 <= ask_once(url, SLEEP[kind], 0.5) < 20
        with pytest.raises(Exception, match="no_such_table"):
            ask_once(url, "SELECT * FROM no_such_table", 30)


def test_a_failed_measurement_is_kept_for_the_page():
    """The others go on."""

    def fail():
        raise NotMeasured("idle ended with 1: private details")

    turns = Turns(Stage(Path(), Path(), lambda kind: None), {})
    assert list(turns.all([("the first", fail), ("the second", lambda: 2)])) == [2]
    assert turns.errors == ["the first: idle ended with 1"]


def test_multiples_are_of_the_clean_table_or_the_first_run():
    """On the same database, in the same run."""
    found = Results(whole())
    assert found.messy_times(INVALID, SQLITE) == 1.0
    assert found.messy_times(NEW_ROWS, SQLITE) == 2.0
    assert found.old_times(CLEAN, SQLITE) == 2.0
    assert found.small(1000, SQLITE, beyond_api=True) == 0.25


def test_figures_beyond_what_they_must_be_are_in_bold():
    """A goal that is missed is seen without reading the numbers."""
    found = Results(whole())
    assert "| **2.00** (4.00 s) |" in "\n".join(page_own.messy(found))
    assert "| What waits | 1 |  | **2.000** |" in "\n".join(page_own.history(found))
    assert "| 1,000 rows, without the stand-in's own time | 0.3 |  | 0.250 |" in "\n".join(page_own.small(found))


def test_what_was_not_measured_of_this_package_is_found():
    """A case, a query or a database that is missing fails the run."""
    parts = ("messy", "history", "small")
    assert missing(Results(whole()), [], parts, OWN) == []
    some = whole()
    del some["messy"]["plays"][INVALID.name][SQLITE]
    assert missing(Results(some), [], parts, OWN) == [f"messy {INVALID.name}, {SQLITE}"]
    assert missing(Results({"scenes": [], "imports": [], "errors": []}), [], ("messy",), [SQLITE]) != []
