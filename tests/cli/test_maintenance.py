# SPDX-License-Identifier: Apache-2.0
"""``ddl``, ``grants``, ``migrate``, ``prune`` and ``forget``: what is deleted is shown before, and never comes back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from airflow_provider_uspeedo.errors import CampaignHalted
from airflow_provider_uspeedo.ledger.store.version import VERSION
from tests.campaign.stage import CAMPAIGN, make_order, people
from tests.cli.typing_it import Command, unknown
from tests.leaks import leaks


def test_the_printed_ddl_makes_a_ledger_that_campaigns_use(command, warehouse):
    """It needs no connection; a campaign then finds all that it needs."""
    with closing(sqlite3.connect(warehouse.file)) as ledger:
        ledger.executescript(Command()("ddl", "--dialect", "sqlite").out)
    assert warehouse.run(people(3)).summary["accepted"] == 3
    assert command("list").out.splitlines()[1].endswith(CAMPAIGN)


def test_grants_are_printed_for_a_user():
    """With the schema of the results table."""
    printed = Command("--results-table", "sms.results")(
        "grants", "--dialect", "postgresql", "--role", "reader", "--user", "bi"
    )
    assert (printed.code, "sms" in printed.out, "bi" in printed.out) == (0, True, True)
    assert all(line.startswith("GRANT ") for line in printed.out.splitlines() if line)


@pytest.mark.parametrize("verb", ["ddl", "grants"])
def test_a_table_name_that_cannot_be_one_is_refused(verb):
    """One line, and no SQL."""
    words = ["--role", "worker", "--user", "x"] if verb == "grants" else []
    said = Command("--results-table", "a;b")(verb, "--dialect", "postgresql", *words)
    assert (said.code, said.out, "is not a table name" in said.line) == (1, "", True)


def test_an_older_ledger_is_migrated_once(command, warehouse):
    """Then there is nothing to do, and campaigns run."""
    warehouse.run(people(1))
    with closing(sqlite3.connect(warehouse.file)) as ledger, ledger:
        ledger.execute("UPDATE uspeedo_ledger SET version = 1")
    anew = "The results relation uspeedo_results was made anew.\n"
    assert command("migrate").out == f"The ledger went from version 1 to version {VERSION}.\n{anew}"
    assert command("migrate").out == f"The ledger has version {VERSION} already.\n{anew}"
    other = Command("--conn-id", "warehouse", "--results-table", "other")("migrate")
    assert other.out == f"The ledger has version {VERSION} already.\nThe results relation other was created.\n"
    assert warehouse.run(people(2)).summary["accepted"] == 2


def test_a_pruned_campaign_keeps_its_counts_and_never_runs_again(command, warehouse):
    """The number is shown first; a dry run deletes nothing; afterwards the campaign cannot run again."""
    warehouse.run(people(3))
    assert "Would be pruned: 1 campaign with 3 rows." in command("prune", "--older-than", "0h", "--dry-run").out
    assert command("prune", "--older-than", "0h").code == 1
    assert warehouse.statuses() == ["accepted"] * 3
    printed = command("prune", "--older-than", "0h", "--yes").out
    assert "To be pruned, for ever: 1 campaign with 3 rows." in printed
    assert "Pruned: 1 campaign." in printed
    assert warehouse.statuses() == []
    assert "  accepted     3" in command("show", CAMPAIGN).out
    with pytest.raises(CampaignHalted, match="was pruned"):
        warehouse.run(people(3))
    assert len(warehouse.texted()) == 3


def test_prune_leaves_alone_what_is_young_or_undecided(command, warehouse):
    """And says why."""
    unknown(warehouse, people(3), make_order())
    assert command("prune", "--older-than", "1d", "--yes").out == "There is nothing to prune.\n"
    printed = command("prune", "--older-than", "0h", "--yes").out
    assert "leave: 3 recipients with unknown outcome: resolve them first" in printed
    assert "There is nothing to prune." in printed
    assert warehouse.statuses() == ["unknown"] * 3
    named = command("prune", "--older-than", "1d", "--campaign", CAMPAIGN, "--yes").out
    assert "leave: an attempt of it began or ended at" in named


@pytest.mark.parametrize("age", ["90", "d", "3y", "-1d", "1.5d"])
def test_an_age_that_cannot_be_read_is_wrong_usage(command, age):
    """The message has an example."""
    said = command("prune", f"--older-than={age}")
    assert (said.code, "such as 90d" in said.err) == (2, True)


def test_a_phone_is_forgotten_without_being_typed_on_the_command_line(command, warehouse):
    """It comes from stdin and is shown masked; the same campaign does not text it again."""
    warehouse.run(people(3))
    printed = command("forget", "--yes", stdin="+852 5000 0001\n").out
    assert "Phone (852)****0001 is going to be blanked" in printed
    assert "Blanked in 1 campaign: 1 recipient" in printed
    assert leaks("".join(warehouse.dump()), "+85250000001") == []
    assert warehouse.run(people(3)).summary.accepted_now == 0
    assert set(warehouse.texted().values()) == {1}


@pytest.mark.parametrize(
    ("stdin", "code", "printed"),
    [
        ("5000 0001\n", 1, "or set --region"),
        ("not a phone\n", 1, "The text is no phone"),
        ("", 2, "stdin must hold one phone; it has 0 lines"),
        ("+852 5000 0001\n+852 5000 0002\n", 2, "it has 2 lines"),
    ],
)
def test_forget_takes_exactly_one_phone(command, warehouse, stdin, code, printed):
    """And never quotes it."""
    warehouse.run(people(1))
    said = command("forget", "--yes", stdin=stdin)
    assert (said.code, printed in said.err) == (code, True)


def test_a_phone_of_no_recipient_changes_nothing(command, warehouse):
    """With a region a national number will do."""
    warehouse.run(people(1))
    assert "nothing was changed" in command("forget", "--yes", "--region", "HK", stdin="6111 1111\n").out


def test_there_is_no_argument_for_a_phone(command):
    """It would be in the shell's history and in the list of processes."""
    assert command("forget", "--yes", "someone").code == 2
