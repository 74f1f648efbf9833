# SPDX-License-Identifier: Apache-2.0
"""The committed tables are those of the pinned versions, and what is counted for them is counted rightly."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.comparison import page
from tests.comparison.scenes import SCENES
from tests.comparison.stage import measure, play
from tests.comparison.tools import ROOT, TOOLS, Reported

RESULTS = json.loads(page.RESULTS.read_text(encoding="utf-8"))


def call(*accepted, rejected=()):
    """One line of the journal."""
    return {"accepted": list(accepted), "rejected": list(rejected)}


def test_the_tables_are_of_the_versions_that_are_pinned():
    """A newer peer in the constraints has to be measured again."""
    text = (ROOT / "constraints" / "peers.txt").read_text(encoding="utf-8")
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    measured = {name: version for name, version in RESULTS["versions"].items() if name != "airflow-provider-uspeedo"}
    assert measured == {name: pinned[name] for name in measured}
    assert measured.keys() == {tool.distribution for tool in TOOLS[1:]}


def test_every_run_of_this_package_that_ended_says_its_counts():
    """As it logs or raises them, so that the page can quote it."""
    runs = [run for plays in RESULTS["outcomes"]["this package"].values() for one in plays for run in one["runs"]]
    assert [run for run in runs if run["code"] in (0, 1) and not re.search(r"Of [\d,]+ rows: \d", run["words"])] == []


def test_the_page_shows_the_results():
    """The tables, with the tools and scenes as they are set up now, are made from the committed results."""
    assert page.tables(RESULTS) in page.PAGE.read_text(encoding="utf-8")


def test_only_the_texted_and_the_rejected_were_reported_as_sent():
    """The page says so, instead of a column of zeros."""
    plays = [play for scenes in RESULTS["outcomes"].values() for plays in scenes.values() for play in plays]
    assert sum(play["not_texted_called_sent"] for play in plays) == 0


def test_no_phone_stands_in_what_the_tools_reported():
    """Their words are cut to what is needed."""
    assert re.findall(r"\d{7,}", page.RESULTS.read_text(encoding="utf-8")) == []


def test_a_second_message_is_counted_for_its_person():
    """One person with three messages, one with one: one texted twice, two messages too many."""
    outcome = measure(["a", "b"], [call("a", "b"), call("a"), call("a")], [Reported(0, 2, "")])
    assert (outcome.texted_twice, outcome.messages_too_many, outcome.not_texted) == (1, 2, 0)


def test_who_was_rejected_and_called_sent_is_counted():
    """Three rows called sent, one accepted, one rejected, one never asked for."""
    outcome = measure(["a", "b", "c"], [call("a", rejected=["b"])], [Reported(0, 3, "")])
    assert (outcome.rejected_called_sent, outcome.not_texted_called_sent) == (1, 1)


def test_a_row_that_is_listed_twice_may_be_called_sent_twice():
    """Its person was texted, so neither claim is false."""
    outcome = measure(["a", "a"], [call("a")], [Reported(0, 2, "")])
    assert (outcome.people, outcome.rejected_called_sent, outcome.not_texted_called_sent) == (1, 0, 0)


@pytest.mark.slow
def test_a_loop_that_tries_again_is_seen_to_text_twice():
    """The stage finds what it looks for: the vendor's SDK, which is installed for the tests too."""
    (sdk,) = [tool for tool in TOOLS if tool.distribution == "uspeedo-sdk-py"]
    (dropped,) = [scene for scene in SCENES if scene.name == "dropped"]
    outcome = play(sdk, dropped, Path(sys.executable).parent)
    assert (outcome.texted_twice, outcome.requests, outcome.runs[0].success) == (1000, 6, True)


@pytest.mark.slow
def test_an_outage_costs_this_package_what_is_in_flight():
    """Four requests and a few probes; everybody else is texted by the second run."""
    (down,) = [scene for scene in SCENES if scene.name == "down"]
    outcome = play(TOOLS[0], replace(down, down=6.0), Path(sys.executable).parent)
    assert outcome.texted_twice == 0
    assert 0 < outcome.not_texted <= 4000 + 3
    assert [run.success for run in outcome.runs] == [False, False]
    assert "20,000 rows" in outcome.runs[-1].words
    assert f"{outcome.not_texted:,} unknown" in outcome.runs[-1].words


def test_a_scene_that_was_not_played_yet_is_left_out():
    """A new scene is no reason to play all of them at once."""
    played = {name: {"nothing": [], "half rejected": []} for name in RESULTS["outcomes"]}
    assert [scene.name for scene in page.measured({"outcomes": played})] == ["nothing", "half rejected"]
