# SPDX-License-Identifier: Apache-2.0
"""``reopen``: a person lets a later attempt send to rejected recipients, after their number was shown."""

from __future__ import annotations

import re

import pytest

from tests.campaign.stage import CAMPAIGN, people, phones
from tests.cli.typing_it import reject

WORDS = ("reopen", CAMPAIGN, "--rejected", "--reason", "the sender is registered now", "--by", "Dana")


def test_rejected_recipients_are_sent_to_again_by_the_next_attempt_only_after_a_decision(command, warehouse):
    """A whole campaign, and the sandbox's journal: exactly those, once."""
    table = people(5)
    reject(warehouse, table, 2)
    assert warehouse.statuses() == ["rejected"] * 2 + ["accepted"] * 3
    warehouse.run(table)
    assert len(warehouse.texted()) == 3
    done = command(*WORDS, "--yes")
    assert (done.code, done.err) == (0, "")
    assert f"Campaign {CAMPAIGN!r}: 2 recipients in 1 request were rejected." in done.out
    assert re.search(rf"Re-opened 2 recipients of campaign {CAMPAIGN!r}, by Dana, at \d{{4}}[-\d: ]+ UTC\.", done.out)
    assert warehouse.statuses() == ["not_sent"] * 2 + ["accepted"] * 3
    report = warehouse.run(table)
    assert (report.summary.accepted_now, report.summary["accepted"]) == (2, 5)
    assert sorted(warehouse.texted()) == sorted(phones(table))
    warehouse.run(table)
    assert len(warehouse.texted()) == 5
    shown = command("show", CAMPAIGN).out
    assert re.search(r"reopened +2 +1 +Dana +the sender is registered now", shown)
    assert command(*WORDS, "--yes").out == (
        f"Campaign {CAMPAIGN!r} has no rejected recipients to re-open: there is nothing to decide.\n"
    )


def test_nothing_is_re_opened_without_a_terminal_or_a_yes(command, warehouse):
    """The number is shown all the same."""
    reject(warehouse, people(3), 1)
    said = command(*WORDS)
    assert (said.code, "1 recipient in 1 request was rejected" in said.out) == (1, True)
    assert said.line == "Error: There is no terminal to ask at, so nothing was changed. To confirm, add --yes."
    assert warehouse.statuses() == ["rejected"] + ["accepted"] * 2


def test_a_stopped_campaign_says_what_must_come_first(command, warehouse):
    """It is re-opened, and goes on only after resume."""
    reject(warehouse, people(3), 1)
    command("stop", CAMPAIGN, "--by", "Bo")
    said = command(*WORDS, "--yes")
    assert "The campaign is stopped, by Bo at " in said.out
    assert f"First let the campaign go on: `airflow-uspeedo --conn-id warehouse resume {CAMPAIGN}`." in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("reopen", CAMPAIGN, "--reason", "x"), "Give --rejected"),
        (("reopen", CAMPAIGN, "--rejected"), "Missing option '--reason'"),
    ],
    ids=["what", "why"],
)
def test_what_and_why_must_be_given(command, words, message):
    """Wrong usage."""
    said = command(*words, "--yes")
    assert (said.code, message in said.err) == (2, True)


def test_a_reason_of_no_words_is_refused(command, warehouse):
    """In one line."""
    reject(warehouse, people(2), 1)
    said = command("reopen", CAMPAIGN, "--rejected", "--reason", " ", "--by", "Dana", "--yes")
    assert (said.code, said.line) == (1, "Error: reason must say why, in one line of 1 to 500 characters.")
